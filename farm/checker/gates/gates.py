"""Which gates of a channel's signed policy the checker evaluates again, and which it can leave out.

A release that goes back to an earlier set passes the gates of packages, as in the pipeline: a curator has ordered it,
and it passed them when it was released first.
"""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from farm.checker.gates import package_gates as asks
from farm.checker.gates.package_gates import ChangedPackage
from farm.checker.reading.refusal import Faults, RefusedReleaseError
from farm.core.policy.gate_kind import GateKind
from farm.trust.attestation.provenance import describe
from farm.trust.index.imports import imported_descriptors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from farm.checker.gates.package_gates import GateInputs
    from farm.checker.reading.change import ReleaseChange
    from farm.trust.index.release_index import ReleaseEntry

    _Check = Callable[[Any, ChangedPackage, GateInputs], str]
    """How a package violates a gate; empty if it does not."""

COMING: Mapping[GateKind, _Check] = MappingProxyType({
    GateKind.ADVISORIES: asks.no_advisory,
    GateKind.APPROVALS: asks.approved,
    GateKind.HARDENING: asks.hardened,
    GateKind.HOST: asks.within_host,
    GateKind.LICENSES: asks.licensed,
    GateKind.REPRODUCED: asks.reproduced,
    GateKind.SOAK: asks.soaked,
})  # fmt: skip
"""The gates of packages that a release adds, or has as another build than before."""

GOING: Mapping[GateKind, _Check] = MappingProxyType({
    GateKind.APPROVALS: partial(asks.approved, removed=True),
    GateKind.SOAK: asks.gone_long_enough,
})  # fmt: skip
"""The gates of packages that a release removes."""

OF_SETS = frozenset({GateKind.PROOF, GateKind.ABI, GateKind.TESTS})
"""The gates of the whole set: in `farm.checker.sets`, and in `interfaces` and `tests` of this subpackage."""

OF_POLICIES = frozenset({GateKind.TRANSITION})
"""The gates of packages that move together: in `move_gates` of this subpackage."""

OF_CURATORS = frozenset({GateKind.HOLD, GateKind.ROLLED_BACK, GateKind.OLDER, GateKind.FREEZE})
"""What only curators may order, by the signer's ledger: in `farm.checker.orders`."""

NOT_ASKED: Mapping[GateKind, str] = MappingProxyType({
    GateKind.BUILD: "a package that was not built has no provenance, so it cannot be in a release",
    GateKind.DEPENDENTS: "a dependent that stays behind is proven, compared and tested in the set as it is",
    GateKind.NEXT: "the same gates hold for a package, whichever candidate it is in",
    GateKind.RELEASED_TESTS: "it is about what is released already, and holds nothing back",
    GateKind.SIGNER: "it reports the signer's own decision",
})  # fmt: skip
"""Why an attacker gains nothing by evading these gates of the pipeline."""


def check_gates(change: ReleaseChange, inputs: GateInputs) -> None:
    """Check that packages that enter or leave a channel pass the gates of its policy that are about packages.

    Where a channel takes packages from another, they come from there, and leave when they have left that one.
    Raises `RefusedReleaseError`, `MissingBlobError` and the like.
    """
    coming, going = _moving(change, inputs)
    checks = [(asks.from_source, coming, False), (asks.gone_from_source, going, True)]
    for gate in inputs.policy.gates:
        for table, packages, goes in ((COMING, coming, False), (GOING, going, True)):
            if check := table.get(gate.kind):
                checks.append((partial(check, gate), packages, goes))
    channel, faults = change.release.channel, Faults()
    for violation, packages, goes in checks:
        way, instead = ("leave", "in") if goes else ("enter", "out of")
        for package in packages:
            with faults.of(package.name):
                if why := violation(package, inputs):
                    raise RefusedReleaseError(
                        f"{describe(package.descriptor)} may not {way} {channel}: {why}",
                        remedy=f"Leave it {instead} {channel}, or have a policy signed that lets it "
                        f"{'out' if goes else 'in'}.",
                        code="gate-refused",
                    )
    faults.check()


def _moving(change: ReleaseChange, inputs: GateInputs) -> tuple[list[ChangedPackage], list[ChangedPackage]]:
    """Return the packages that enter and leave, own and imported."""
    described = inputs.described

    def own(entry: ReleaseEntry) -> ChangedPackage:
        return ChangedPackage(entry.name, described.descriptor(entry.descriptor.digest), entry)

    coming, going = list(map(own, change.coming)), list(map(own, change.going))
    then, now = (imported_descriptors(head.imports if head else ()) for head in (change.previous, change.release))
    came = {name: digest for name, digest in now.items() if then.get(name) != digest}
    gone = {name: digest for name, digest in then.items() if name not in now}
    coming += [ChangedPackage(name, described.descriptor(digest), None) for name, digest in came.items()]
    going += [ChangedPackage(name, described.descriptor(digest), None) for name, digest in gone.items()]
    return coming, going
