"""A deadline that all requests for the newest metadata share."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm.store.http.transfer_limits import TooSlowError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NEWS_SECONDS = 5.0
"""How long a start waits for news from all repositories and mirrors together, where a verified release can run instead.

A freshness check requests a few small files, one after the other: with a round trip of 300 ms it takes 3 s. Downloads
after that do not count, because then there is news.
"""


_LEAST_SECONDS = 2.0


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
