"""The gates of single packages that the signer asks itself, by the signed policy of the channel.

What the channel has held before has passed them: so nothing is asked of a release that goes back to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.compat import needs_beyond
from farm.countersign.refusal import RefusedReleaseError
from farm.recipe import ApprovalsGate, HostGate, LicencesGate, SoakGate
from farm.recipe.licence import licences_in_the_way
from farm.trust.approval import is_approval
from farm.trust.provenance import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from farm.countersign.ledger_entries import ReportOpened
    from farm.countersign.ledger_state import LedgerState
    from farm.countersign.moves import Move
    from farm.countersign.orders import Permitted
    from farm.package import Descriptor
    from farm.recipe import ChannelPolicy


class GateRefusedError(RefusedReleaseError):
    """A package does not pass a gate that the signed policy of the channel asks for."""

    code = "gate-refused"

    def __init__(self, package: Descriptor, channel: str, why: str) -> None:
        super().__init__(
            f"{describe(package)} may not enter {channel}: {why}",
            remedy=f"Leave it out of {channel}, or have a policy signed that lets it in.",
        )


class ReportedPackageError(RefusedReleaseError):
    """Somebody has reported trouble with a package, and nobody has closed the report."""

    code = "reported"

    def __init__(self, move: Move, channel: str, report: ReportOpened) -> None:
        super().__init__(
            f"{move.label} may not enter {channel}: trouble with it was reported on {report.channel}, and the report "
            f"{report.report} is open: {report.reason}",
            remedy=f"Mend it; or, if there is nothing to mend, `farm report --resolve {report.report}`.",
        )


def check_gates(
    arriving: Iterable[Descriptor],
    policy: ChannelPolicy,
    curators: Mapping[str, Mapping[str, str]],
    approvals: Sequence[bytes],
) -> None:
    """See that packages that are new to a channel pass its gates `licences`, `host` and `approvals`.

    `curators` are the signed public keys by name, by group; `approvals` envelopes, of which those of others count for
    nothing. Raises `GateRefusedError`.
    """
    for package in arriving:
        for why in _refusals(package, policy, curators, approvals):
            raise GateRefusedError(package, policy.name, why)


def check_reports(moves: Iterable[Move], policy: ChannelPolicy, state: LedgerState, permitted: Permitted) -> None:
    """See that nobody has reported trouble with what comes, where the channel asks for a soak.

    What an order of promotion names need not soak. Raises `ReportedPackageError`.
    """
    if not any(isinstance(gate, SoakGate) for gate in policy.gates):
        return
    soaks_in = policy.from_channel or policy.name
    for move in moves:
        if move.after is None or move.after in permitted.promoted:
            continue
        if (report := state.reported(soaks_in, move.after)) is not None:
            raise ReportedPackageError(move, policy.name, report)


def _refusals(
    package: Descriptor,
    policy: ChannelPolicy,
    curators: Mapping[str, Mapping[str, str]],
    approvals: Sequence[bytes],
) -> Iterator[str]:
    for gate in policy.gates:
        if isinstance(gate, ApprovalsGate):
            people = curators.get(gate.of, {})
            given = _approved_by(package, policy.name, people, approvals)
            if len(given) < gate.count:
                yield f"{len(given)} of {gate.count} of the group {gate.of} have signed for it"
        if isinstance(gate, LicencesGate):
            if licences_in_the_way(package.licence, allow=gate.allow, deny=gate.deny):
                rule = f"allows only {', '.join(gate.allow)}" if gate.allow else f"denies {', '.join(gate.deny)}"
                yield f"it is licensed {package.licence}, and the policy {rule}"
        elif isinstance(gate, HostGate) and (beyond := needs_beyond(package.host, gate.offered)):
            yield f"it asks {', '.join(beyond)} of its host, more than the policy promises"


def _approved_by(
    package: Descriptor, channel: str, people: Mapping[str, str], approvals: Sequence[bytes]
) -> frozenset[str]:
    """Return who of these people has let a package into a channel."""
    return frozenset(
        name
        for name, public in people.items()
        if any(is_approval(each, public, channel=channel, package=package.digest, curator=name) for each in approvals)
    )
