"""The interfaces of a package's libraries in two builds of this machine, compared as a worker of a farm does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.build.abi.comparison import compare_interfaces
from farm.build.local.outcomes import member_of
from farm.core.fileset.manifest import Manifest
from farm.core.names.form import Form
from farm.core.plan.abi import AbiOrder, AbiSide, AbiVerdict
from farm.core.sets.proof.interfaces import (
    COMPARISON_LIMITS,
    TOOLCHAIN,
    ComparedSide,
    compared_side,
    has_installed_headers,
)
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.build.local.order_builder import OrderBuilder
    from farm.build.local.toolchains import TreeToolchains
    from farm.core.names.digest import Digest
    from farm.core.plan.job import BuildOutcome, BuiltPackage
    from farm.core.sets.members.member import Member
    from farm.store.blobs import BlobStore


@dataclass(frozen=True, slots=True)
class ComparedInterface(Form, record="compared interface"):
    """The verdict on a library, by its soname; `reason` says why there is none, `report` are lines of the tool."""

    soname: str
    verdict: AbiVerdict
    reason: str = ""
    report: tuple[str, ...] = ()


def compare_libraries(
    name: str, plans: tuple[Digest, Digest], builder: OrderBuilder, toolchains: TreeToolchains
) -> Iterator[ComparedInterface]:
    """Yield the verdict on each library that both builds of the package `name` have, from the first to the second.

    The builds are recorded ones, by their plans. Makes the toolchain if it is missing. Raises `no-such-build`, and what
    toolchains and sandbox raise.
    """
    store = builder.workshop.store
    before, after = (_outcome(builder, plan) for plan in plans)
    old, new = _libraries(store, name, before), _libraries(store, name, after)
    for soname in sorted(old.keys() & new.keys()):
        sides = [_side(store, name, *found) for found in ((before, old[soname]), (after, new[soname]))]
        reason = next((side for side in sides if isinstance(side, str)), "")
        if reason:
            yield ComparedInterface(soname, AbiVerdict.NOT_JUDGED, reason)
            continue
        first, second = (side for side in sides if isinstance(side, AbiSide))
        order = AbiOrder(first, second, toolchains.ensure(TOOLCHAIN).tree, COMPARISON_LIMITS)
        with builder.attempt() as attempt:
            found = compare_interfaces(order, builder.workshop, attempt=attempt, log=builder.reports.log)
        yield ComparedInterface(soname, found.verdict, found.reason, found.report)


def _outcome(builder: OrderBuilder, plan: Digest) -> BuildOutcome:
    outcome = builder.state.outcome(plan)
    if outcome is None:
        raise FarmError(f"no build of the plan {plan} is on this machine", code="no-such-build")
    return outcome


def _libraries(store: BlobStore, name: str, outcome: BuildOutcome) -> dict[str, str]:
    """Return the paths of the package's libraries by their sonames."""
    members = {package.descriptor.name.short: member_of(store, package) for package in outcome.packages}
    return {file.facts.soname: file.path for file in members[name].facts.elf if file.facts.soname}


def _side(store: BlobStore, name: str, outcome: BuildOutcome, path: str) -> AbiSide | str:
    packages = {package.descriptor.name.short: package for package in outcome.packages}
    members = {short: member_of(store, package) for short, package in sorted(packages.items())}

    def has_headers(member: Member) -> bool:
        return has_installed_headers(Manifest.from_json(store.read(member.descriptor.tree)))

    side = compared_side(path, members[name], list(members.values()), has_headers)
    return _ordered(side, packages) if isinstance(side, ComparedSide) else side


def _ordered(side: ComparedSide, packages: dict[str, BuiltPackage]) -> AbiSide:
    package, debug, *headers = (
        packages[member.descriptor.name.short].as_dependency() for member in (side.package, side.debug, *side.headers)
    )
    return AbiSide(side.library, package, debug, tuple(headers))
