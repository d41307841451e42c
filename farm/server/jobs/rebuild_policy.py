"""Which builds the policy of rebuilding asks for, and which packages were built against what is another by now."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from farm.core.package.layout import DEBUG, package_name
from farm.server.channels import releases
from farm.server.jobs.planning import plan_of
from farm.server.packages import packages
from farm.server.packages.code_copies import holders_of_old_code
from farm.server.packages.interface import interface_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from farm.core.names.digest import Digest
    from farm.server.transaction.unit_of_work import UnitOfWork


def is_rebuilt(unit: UnitOfWork, before: Digest, after: Digest) -> bool:
    """Say whether the policy has what needs a recipe built again when its packages are those of another plan."""
    if before == after or files_of(unit, before) == files_of(unit, after):
        return False
    policy = _policy(unit)
    return policy == "always" or (
        policy == "interface-changed" and interface_of(unit, before) != interface_of(unit, after)
    )


def files_of(unit: UnitOfWork, plan: Digest) -> set[tuple[str, Digest]]:
    """Return what a plan has put out, names and trees, without debug data: nothing is built against those."""
    debug = package_name(plan_of(unit, plan).name.short, DEBUG)
    found = packages.packages_of_plan(unit.session, plan)
    return {(package.name, package.tree) for package in found if package.name != debug}


def is_outdated(unit: UnitOfWork, dependent: str, built_by: Digest, names: Collection[str], arriving: Digest) -> bool:
    """Say whether a build would have to be done again for a dependency to become what the plan `arriving` has put out.

    `names` are the dependency's packages; `built_by` is the plan of the `dependent` recipe's newest packages.
    """
    used = {
        dependency.name.short: dependency.tree
        for dependency in plan_of(unit, built_by).dependencies
        if dependency.name.short in names
    }
    known = packages.packages_of_tree(unit.session, used.values())
    before = {known[what].plan for what in used.items() if what in known}
    if any(is_rebuilt(unit, digest, arriving) for digest in before):
        return True
    # Under every policy: a copy is not replaced by replacing what it was copied from.
    return dependent in holders_of_old_code(unit, names)


def _policy(unit: UnitOfWork) -> str:
    """Return what the channel's policy says is rebuilt, as it is in force now."""
    kept = json.loads(releases.policy_text(unit.session, unit.lease_policy.channel) or "{}")
    return str(kept.get("rebuild", unit.lease_policy.rebuild))
