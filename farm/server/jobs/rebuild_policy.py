"""The rebuilds that the policy requires, and the packages that were built against an outdated dependency."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from farm.core.fileset.manifest import Manifest
from farm.core.names.digest import Digest
from farm.core.package.layout import DEBUG, package_name
from farm.server.channels import releases
from farm.server.jobs.code_copies import holders_of_old_code
from farm.server.jobs.planning import plan_of
from farm.server.previews.build_scope import BuildScope

if TYPE_CHECKING:
    from collections.abc import Collection

    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import UnitOfWork


def is_rebuilt(scope: BuildScope, before: Digest, after: Digest) -> bool:
    """Return whether the policy rebuilds a recipe's dependents if its packages are from another plan."""
    if before == after or files_of(scope, before) == files_of(scope, after):
        return False
    policy = policy_in_force(scope.unit)
    return policy == "always" or (
        policy == "interface-changed" and _interface_of(scope, before) != _interface_of(scope, after)
    )


def files_of(scope: BuildScope, plan: Digest) -> set[tuple[str, Digest]]:
    """Return the packages of a plan, names and trees, without debug data, which no build uses."""
    debug = package_name(plan_of(scope.unit, plan).name.short, DEBUG)
    found = scope.packages_of_plan(plan)
    return {(package.name, package.tree) for package in found if package.name != debug}


def is_outdated(unit: UnitOfWork, dependent: str, built_by: Digest, names: Collection[str], arriving: Digest) -> bool:
    """Return whether a package must be rebuilt before its dependency can become what the plan `arriving` has built.

    `names` are the dependency's packages; `built_by` is the plan of the `dependent` recipe's newest packages.
    """
    used = {
        dependency.name.short: dependency.tree
        for dependency in plan_of(unit, built_by).dependencies
        if dependency.name.short in names
    }
    scope = BuildScope(unit)
    known = scope.packages_of_tree(used.values())
    before = {known[what].plan for what in used.items() if what in known}
    if any(is_rebuilt(scope, digest, arriving) for digest in before):
        return True
    # Under every policy: replacing a library does not replace its copies.
    return dependent in holders_of_old_code(scope, names)


def policy_in_force(unit: UnitOfWork) -> str:
    """Return the policy of rebuilds of the channel, as it is in force now."""
    kept = json.loads(releases.policy_text(unit.session, unit.lease_policy.channel) or "{}")
    return str(kept.get("rebuild", unit.lease_policy.rebuild))


def _interface_of(scope: BuildScope, plan: Digest) -> Digest:
    """Return a digest of what other builds can see of a plan's packages: headers, sonames, pkg-config, symbols.

    Static libraries are not part of it: `code_copies` finds the packages that have copied from them.
    """
    return Digest.of_json([_visible(scope.unit, package) for package in scope.packages_of_plan(plan)])


def _visible(unit: UnitOfWork, package: Package) -> dict[str, object]:
    facts = unit.packages.member(package).facts
    manifest = Manifest.from_json(unit.blobs.read(package.tree))
    headers = set(facts.headers)
    return {
        "package": package.name,
        "headers": {file.path: file.digest for file in manifest.files() if file.path in headers},
        "libraries": [
            [elf.facts.soname, sorted(map(list, elf.facts.exports))] for elf in facts.elf if elf.facts.soname
        ],
        "modules": [module.to_dict() for module in facts.pkg_config],
    }
