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
    from farm.server.transaction.unit_of_work import Desk


def is_rebuilt(desk: Desk, before: Digest, after: Digest) -> bool:
    """Say whether the policy has what needs a recipe built again when its packages are those of another plan."""
    if before == after or files_of(desk, before) == files_of(desk, after):
        return False
    policy = _policy(desk)
    return policy == "always" or (
        policy == "interface-changed" and interface_of(desk, before) != interface_of(desk, after)
    )


def files_of(desk: Desk, plan: Digest) -> set[tuple[str, Digest]]:
    """Return what a plan has put out, names and trees, without debug data: nothing is built against those."""
    debug = package_name(plan_of(desk, plan).name.short, DEBUG)
    found = packages.packages_of_plan(desk.session, plan)
    return {(package.name, package.tree) for package in found if package.name != debug}


def is_outdated(desk: Desk, dependent: str, built_by: Digest, names: Collection[str], arriving: Digest) -> bool:
    """Say whether a build would have to be done again for a dependency to become what the plan `arriving` has put out.

    `names` are the dependency's packages; `built_by` is the plan of the `dependent` recipe's newest packages.
    """
    used = {each.name.short: each.tree for each in plan_of(desk, built_by).dependencies if each.name.short in names}
    known = packages.packages_of_tree(desk.session, used.values())
    before = {known[what].plan for what in used.items() if what in known}
    if any(is_rebuilt(desk, each, arriving) for each in before):
        return True
    # Under every policy: a copy is not replaced by replacing what it was copied from.
    return dependent in holders_of_old_code(desk, names)


def _policy(desk: Desk) -> str:
    """Return what the channel's policy says is rebuilt, as it is in force now."""
    kept = json.loads(releases.policy_text(desk.session, desk.terms.channel) or "{}")
    return str(kept.get("rebuild", desk.terms.rebuild))
