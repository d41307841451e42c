"""How slow a server may be: a floor under the rate and a bound on the whole, so that a trickle cannot hold a client."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class TooSlowError(OSError):
    """A server sends so little that it may as well be silent."""


@dataclass(frozen=True, slots=True)
class TransferLimits:
    """What is expected of a transfer: `bytes_per_second` once `grace_seconds` have passed, and an end after all.

    `until` says how many seconds are left until an end that it has together with others.
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
    """One file on its way."""

    pace: TransferLimits
    clock: Callable[[], float]
    began: float
    received: int = field(default=0)

    def remaining(self) -> float:
        """Return how many seconds it may take until the next byte; raises `TooSlowError` when there are none left."""
        allowed = self.pace.grace_seconds + self.received / self.pace.bytes_per_second
        spent = self.clock() - self.began
        left = min(allowed, self.pace.longest_seconds) - spent
        if left <= 0:
            raise TooSlowError(
                f"too slow: {self.received} bytes in {spent:.0f} s, where {self.pace.bytes_per_second:.0f} bytes a "
                "second are the least"
            )
        return min(left, self.pace.until()) if self.pace.until else left
