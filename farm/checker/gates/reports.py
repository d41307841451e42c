"""Reports of trouble, as the signer's ledger has them: with what is reported, no channel that soaks goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.checker.reading.refusal import Faults, RefusedReleaseError
from farm.core.policy.channel_gates import SoakGate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.checker.orders.version_moves import Move
    from farm.core.policy.channel import ChannelPolicy
    from farm.signing.entries import ReportOpened
    from farm.signing.state import LedgerState


class ReportedPackageError(RefusedReleaseError):
    """Somebody has reported trouble with a package, and nobody has closed the report."""

    code = "reported"

    def __init__(self, move: Move, channel: str, report: ReportOpened) -> None:
        close = f"farm channel report {report.channel} --resolve {report.report} --descriptor {report.package}"
        super().__init__(
            f"{move.label} may not enter {channel}: trouble with it was reported on {report.channel}, and the report "
            f"{report.report} is open: {report.reason}",
            remedy=f"Mend it; or, if there is nothing to mend, `farm channel report --resolve {report.report}`. Where "
            f"the farm has no such report: `{close}`.",
        )


def check_reports(moves: Iterable[Move], policy: ChannelPolicy, state: LedgerState) -> None:
    """See that nobody has reported trouble with what comes, where the channel asks for a soak.

    By an order too: who gave it may not have known of the report. Raises `ReportedPackageError`.
    """
    if not any(isinstance(gate, SoakGate) for gate in policy.gates):
        return
    faults = Faults()
    soaks_in = policy.from_channel or policy.name
    for move in moves:
        if move.after is None:
            continue
        if (report := state.reported(soaks_in, move.after)) is not None:
            with faults.of(move.name):
                raise ReportedPackageError(move, policy.name, report)
    faults.check()
