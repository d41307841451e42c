"""What moves together because the channel's signed policy says so: all in one release, or none.

Outputs of one build do so without a policy: `outputs` beside this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.checker.reading.refusal import Faults, RefusedReleaseError
from farm.core.policy.channel import parted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.checker.orders.orders import Permitted
    from farm.checker.orders.version_moves import Move
    from farm.core.policy.channel import ChannelPolicy


def check_transitions(moves: Sequence[Move], policy: ChannelPolicy, permitted: Permitted) -> None:
    """See that the packages of a transition move together, but for one that a promotion names without the others.

    Raises `RefusedReleaseError`.
    """
    apart, faults = parted(policy.transitions, {each.name for each in moves}), Faults()
    for move in moves:
        for transition, other in apart.get(move.name, ()):
            if not permitted.is_alone(move.name, move.after or move.before, other):
                with faults.of(move.name):
                    raise RefusedReleaseError(
                        f"{move.name} comes or goes without {other}: by the transition {transition.name} of "
                        f"{policy.name} both move in one release",
                        remedy=f"Move {move.name} and {other} together, or have a policy signed without that.",
                        code="parted-transition",
                    )
    faults.check()
