"""Reports of trouble, as the signer's ledger has them: with what is reported, no channel that soaks goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.checker.reading.refusal import Faults, RefusedReleaseError
from farm.core.policy.gates.soak import SoakGate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.checker.orders.version_moves import Move
    from farm.core.policy.channel import ChannelPolicy
    from farm.signing.state import LedgerState


def check_reports(moves: Iterable[Move], policy: ChannelPolicy, state: LedgerState) -> None:
    """See that nobody has reported trouble with what comes, where the channel asks for a soak.

    By an order too: who gave it may not have known of the report. Raises `RefusedReleaseError`.
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
                close = f"farm channel report {report.channel} --resolve {report.report} --descriptor {report.package}"
                raise RefusedReleaseError(
                    f"{move.label} may not enter {policy.name}: trouble with it was reported on {report.channel}, and "
                    f"the report {report.report} is open: {report.reason}",
                    remedy=f"Mend it; if there is nothing to mend, `farm channel report --resolve {report.report}`. "
                    f"Where the farm has no such report: `{close}`.",
                    code="reported",
                )
    faults.check()
