"""The gates of what moves in a release: reports of trouble, and transitions.

A package with an open report enters no channel that soaks. The packages of a transition, by the channel's signed
policy, move in one release or not at all; outputs of one build do so without a policy: `farm.checker.builds.outputs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.checker.reading.refusal import RefusedReleaseError, check_each
from farm.core.policy.channel import parted
from farm.core.policy.gates.soak import SoakGate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from farm.checker.orders.orders import Permitted
    from farm.checker.orders.version_moves import VersionChange
    from farm.core.policy.channel import ChannelPolicy
    from farm.signing.state import LedgerState


def check_reports(moves: Iterable[VersionChange], policy: ChannelPolicy, state: LedgerState) -> None:
    """Check that no package with an open report enters a channel that soaks.

    An order does not permit it either: the curator may not have known of the report. Raises `RefusedReleaseError`.
    """
    if not any(isinstance(gate, SoakGate) for gate in policy.gates):
        return
    soaks_in = policy.from_channel or policy.name

    def check(move: VersionChange) -> None:
        if move.after and (report := state.reported(soaks_in, move.after)) is not None:
            close = f"farm channel report {report.channel} --resolve {report.report} --descriptor {report.package}"
            raise RefusedReleaseError(
                f"{move.label} may not enter {policy.name}: trouble with it was reported on {report.channel}, and the "
                f"report {report.report} is open: {report.reason}",
                remedy=f"Fix it; if nothing is wrong, `farm channel report --resolve {report.report}`. "
                f"Where the farm has no such report: `{close}`.",
                code="reported",
            )

    check_each(moves, check)


def check_transitions(moves: Sequence[VersionChange], policy: ChannelPolicy, permitted: Permitted) -> None:
    """Check that the packages of a transition move together, except one that a promotion names without the others.

    Raises `RefusedReleaseError`.
    """
    apart = parted(policy.transitions, {move.name for move in moves})

    def check(move: VersionChange) -> None:
        for transition, other in apart.get(move.name, ()):
            if not permitted.is_alone(move.name, move.after or move.before, other):
                raise RefusedReleaseError(
                    f"{move.name} changes without {other}: the transition {transition.name} of {policy.name} "
                    "requires both to change in the same release",
                    remedy=f"Move {move.name} and {other} together, or have a policy signed without that.",
                    code="parted-transition",
                )

    check_each(moves, check)
