"""How long a server may take: a deadline for all requests of the newest metadata, and the limits of a transfer.

These are a minimum rate and a total limit, so that a trickle cannot hold a client.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NEWS_SECONDS = 5.0
"""How long a start waits for news from all repositories and mirrors together, where a verified release can run instead.

A freshness check requests a few small files, one after the other: with a round trip of 300 ms it takes 3 s. Downloads
after that do not count, because then there is news.
"""


_LEAST_SECONDS = 2.0


class TooSlowError(OSError):
    """A server sends too slowly to be of use."""


@dataclass(slots=True)
class Deadline:
    """The seconds that are left. `is_cut` tells whether a request was given up because none were left."""

    left: float = NEWS_SECONDS
    is_cut: bool = field(default=False, init=False)

    @classmethod
    def after(cls, waited: float) -> Deadline:
        """Return the deadline of a start that has already waited for news for so many seconds.

        On a busy machine other work may have used these seconds, so a minimum is always left.
        """
        return cls(max(_LEAST_SECONDS, NEWS_SECONDS - waited))

    @contextmanager
    def share(self, parties: int) -> Iterator[Callable[[], float]]:
        """Yield a limit for the first of so many places that are tried in turn: an equal part of the time left.

        The yielded function returns how many seconds of that part are left, and raises `TooSlowError` when none are.
        Only the time that the block has taken is subtracted.
        """
        began, seconds = time.monotonic(), max(0.0, self.left) / parties

        def remaining() -> float:
            left = began + seconds - time.monotonic()
            if left <= 0:
                self.is_cut = True
                raise TooSlowError(f"no answer within {seconds:.1f} s, and a start waits no longer for news")
            return left

        try:
            yield remaining
        finally:
            self.left -= time.monotonic() - began


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

    limits: TransferLimits
    clock: Callable[[], float]
    began: float
    received: int = field(default=0)

    def remaining(self) -> float:
        """Return how many seconds may pass until the next byte; raises `TooSlowError` when none are left."""
        allowed = self.limits.grace_seconds + self.received / self.limits.bytes_per_second
        spent = self.clock() - self.began
        left = min(allowed, self.limits.longest_seconds) - spent
        if left <= 0:
            raise TooSlowError(
                f"too slow: {self.received} bytes in {spent:.0f} s, where {self.limits.bytes_per_second:.0f} bytes a "
                "second are the least"
            )
        return min(left, self.limits.until()) if self.limits.until else left
