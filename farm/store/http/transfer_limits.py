"""How slow a server may be: a minimum rate and a total limit, so that a trickle cannot hold a client."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class TooSlowError(OSError):
    """A server sends too slowly to be of use."""


@dataclass(frozen=True, slots=True)
class TransferLimits:
    """The limits of a transfer: `bytes_per_second` once `grace_seconds` have passed, and a limit for the whole.

    `until` returns how many seconds are left until a deadline that it shares with other transfers.
    """

    grace_seconds: float = 20.0
    bytes_per_second: float = 2000.0
    longest_seconds: float = 6 * 3600.0
    until: Callable[[], float] | None = None

    def begin(self, clock: Callable[[], float] = time.monotonic) -> Transfer:
        """Start the clock of one transfer."""
        return Transfer(self, clock, clock())


@dataclass(slots=True)
class Transfer:
    """The transfer of one file."""

    pace: TransferLimits
    clock: Callable[[], float]
    began: float
    received: int = field(default=0)

    def remaining(self) -> float:
        """Return how many seconds may pass until the next byte; raises `TooSlowError` when none are left."""
        allowed = self.pace.grace_seconds + self.received / self.pace.bytes_per_second
        spent = self.clock() - self.began
        left = min(allowed, self.pace.longest_seconds) - spent
        if left <= 0:
            raise TooSlowError(
                f"too slow: {self.received} bytes in {spent:.0f} s, where {self.pace.bytes_per_second:.0f} bytes a "
                "second are the least"
            )
        return min(left, self.pace.until()) if self.pace.until else left
