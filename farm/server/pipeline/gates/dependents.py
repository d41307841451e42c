"""The gate `dependents`: a package enters once the dependents that the policy has rebuilt for it are built.

In force on every channel that takes new builds. If a curator's order names the package, it enters without them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.policy.gate_kind import GateKind
from farm.server.channels import releases
from farm.server.jobs.dependents import open_builds
from farm.server.jobs.rebuild_policy import is_outdated
from farm.server.packages import packages as package_rows
from farm.server.pipeline.gates.gate_result import PackageGateResult
from farm.server.recipes import recipes
from farm.server.tables.records import Package
from farm.server.tables.states import ENDED, JobState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.server.jobs.dependents import OpenBuild
    from farm.server.pipeline.gates.gate_result import MovingPackage
    from farm.server.transaction.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Dependents:
    """No package in the channel was built against an older state of the package without having been rebuilt.

    `ordered` are packages that a curator's order names: their dependents may stay behind.
    """

    kind = GateKind.DEPENDENTS
    ordered: frozenset[str] = frozenset()

    def check(
        self, unit: UnitOfWork, channel: str, packages: Sequence[MovingPackage]
    ) -> Mapping[str, PackageGateResult]:
        """Return the results of packages whose dependents are not rebuilt yet, or could not be."""
        own = {package.name: package for package in packages if isinstance(package, Package)}
        by_recipe: defaultdict[str, set[str]] = defaultdict(set)
        for name, recipe in recipes.recipes_of(unit.session, own).items():
            by_recipe[recipe].add(name)
        found: dict[str, PackageGateResult] = {}
        for build in open_builds(unit.session, by_recipe):
            names = by_recipe[build.needed] - found.keys()
            plan = own[min(names)].plan if names else None
            if plan is None or not names.isdisjoint(self.ordered):
                continue
            if _concerns(unit, channel, build, own) and is_outdated(
                unit, build.dependent, build.built_plan, names, plan
            ):
                found |= dict.fromkeys(names, _result(channel, build, names))
        return found


def _concerns(unit: UnitOfWork, channel: str, build: OpenBuild, arriving: Mapping[str, Package]) -> bool:
    """Return whether the channel holds the dependent, or would."""
    names = {package.name for package in package_rows.packages_of_plan(unit.session, build.built_plan)}
    return not names.isdisjoint(arriving) or bool(releases.held_since(unit.session, channel, names))


def _result(channel: str, build: OpenBuild, names: set[str]) -> PackageGateResult:
    job, dependent = build.job, build.dependent
    package = build.needed if build.needed in names else min(names)
    behind = f"`farm candidate retry {channel} {package}` leaves {dependent} behind"
    if job.state not in ENDED and job.state is not JobState.BLOCKED:
        reason = f"{dependent} is being built again against it: job {job.id} is {job.state}"
        return PackageGateResult("waiting", reason, job=job.id, under_way=True)
    why = job.error.partition("\n")[0] or job.state
    return PackageGateResult(
        "failed",
        f"{dependent} could not be built again against it: job {job.id}: {why}",
        f"Fix the recipe of {dependent}, or this one, and submit it, or try job {job.id} again; {behind}.",
        job=job.id,
    )
