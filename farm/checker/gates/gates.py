"""Which gates the checker asks again, by the signed policy of a channel, and which it need not ask.

A release that goes back to a set of before passes those of packages as it does in the pipeline: it is asked for by a
curator's order, and has passed them when it was released.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from farm.checker.gates import package_gates as asks
from farm.checker.gates.package_gates import Moving
from farm.checker.reading.refusal import Faults, RefusedReleaseError
from farm.core.policy.gate_kind import GateKind
from farm.trust.attestation.provenance import describe
from farm.trust.index.imports import imported_descriptors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from farm.checker.gates.package_gates import Asked
    from farm.checker.reading.change import ReleaseChange
    from farm.trust.index.release_index import ReleaseEntry

    _Check = Callable[[Any, Moving, Asked], str]
    """What a gate has against a package; empty when it has nothing."""

COMING: Mapping[GateKind, _Check] = MappingProxyType({
    GateKind.ADVISORIES: asks.no_advisory,
    GateKind.APPROVALS: asks.approved,
    GateKind.HARDENING: asks.hardened,
    GateKind.HOST: asks.within_host,
    GateKind.LICENSES: asks.licensed,
    GateKind.REPRODUCED: asks.reproduced,
    GateKind.SOAK: asks.soaked,
})  # fmt: skip
"""What is asked of each package that a release puts in, or has as another build than before."""

GOING: Mapping[GateKind, _Check] = MappingProxyType({
    GateKind.APPROVALS: asks.removal_approved,
    GateKind.SOAK: asks.gone_long_enough,
})  # fmt: skip
"""What is asked of each package that a release takes out."""

OF_SETS = frozenset({GateKind.PROOF, GateKind.ABI, GateKind.TESTS})
"""What is asked of the whole set: by `farm.checker.sets`, and by `interfaces` and `tests` beside this."""

OF_POLICIES = frozenset({GateKind.TRANSITION})
"""What is asked of all that moves: by `move_gates` beside this."""

OF_CURATORS = frozenset({GateKind.HOLD, GateKind.ROLLED_BACK, GateKind.OLDER, GateKind.FREEZE})
"""What only curators may order, by the signer's ledger: in `farm.checker.orders`."""

NOT_ASKED: Mapping[GateKind, str] = MappingProxyType({
    GateKind.BUILD: "what was not built has no provenance, so that it cannot be in a release",
    GateKind.DEPENDENTS: "a dependent that stays behind is proven, compared and tested in the set as it is",
    GateKind.NEXT: "which candidate a package is in changes nothing of what is asked of it",
    GateKind.RELEASED_TESTS: "it tells of what is released already, and holds nothing back",
    GateKind.SIGNER: "it is the signer's own word",
})  # fmt: skip
"""Why nothing is lost where an attacker goes past these gates of the pipeline."""


def check_gates(change: ReleaseChange, asked: Asked) -> None:
    """See that what comes into a channel, and what goes, passes the gates of its policy that look at packages.

    Where its packages come from another channel, they come from there and go when they are gone there. Raises
    `RefusedReleaseError`, `MissingBlobError` and the like.
    """
    coming, going = _moving(change, asked)
    channel, faults = change.release.channel, Faults()
    for check_source, packages, goes in ((asks.from_source, coming, False), (asks.gone_from_source, going, True)):
        for package in packages:
            with faults.of(package.name):
                if why := check_source(package, asked):
                    raise _refused(package, channel, why, goes=goes)
    for gate in asked.policy.gates:
        for checks, packages, goes in ((COMING, coming, False), (GOING, going, True)):
            check = checks.get(gate.kind)
            for package in packages if check else ():
                with faults.of(package.name):
                    if check and (why := check(gate, package, asked)):
                        raise _refused(package, channel, why, goes=goes)
    faults.check()


def _refused(package: Moving, channel: str, why: str, *, goes: bool) -> RefusedReleaseError:
    way, instead = ("leave", "in") if goes else ("enter", "out of")
    return RefusedReleaseError(
        f"{describe(package.descriptor)} may not {way} {channel}: {why}",
        remedy=f"Leave it {instead} {channel}, or have a policy signed that lets it {'out' if goes else 'in'}.",
        code="gate-refused",
    )


def _moving(change: ReleaseChange, asked: Asked) -> tuple[list[Moving], list[Moving]]:
    """Return what is another build than before, and what is there no more, own packages and those of others."""
    described = asked.described

    def own(entry: ReleaseEntry) -> Moving:
        return Moving(entry.name, described.descriptor(entry.descriptor.digest), entry)

    coming, going = list(map(own, change.coming)), list(map(own, change.going))
    then, now = (imported_descriptors(head.imports if head else ()) for head in (change.previous, change.release))
    coming += [Moving(name, described.descriptor(each), None) for name, each in now.items() if then.get(name) != each]
    going += [Moving(name, described.descriptor(each), None) for name, each in then.items() if name not in now]
    return coming, going
