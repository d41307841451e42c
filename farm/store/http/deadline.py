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
"""How long a start waits for news, of all repositories and mirrors together, where something verified can run instead.

A look at a repository is a handful of small files, one after the other: with a round trip of 300 ms it takes 3 s. What
is downloaded after that is not counted, because then there is news.
"""


_LEAST_SECONDS = 2.0


@dataclass(slots=True)
class Deadline:
    """The seconds that are left. `is_cut` tells whether a request was given up because none were left."""

    left: float = NEWS_SECONDS
    clock: Callable[[], float] = time.monotonic
    is_cut: bool = field(default=False, init=False)

    @classmethod
    def after(cls, waited: float) -> Deadline:
        """Return the deadline of a start that has waited for news for so many seconds already, in vain.

        On a busy machine these may have been taken by something else, so some are left always.
        """
        return cls(max(_LEAST_SECONDS, NEWS_SECONDS - waited))

    @contextmanager
    def share(self, parties: int) -> Iterator[Callable[[], float]]:
        """Give the first of so many that may be asked, one after the other, its equal part of what is left.

        What is given says how many seconds of that are left, and raises `TooSlowError` when there are none. Only what
        the block has taken is gone afterwards.
        """
        began = self.clock()
        try:
            yield _Deadline(self, began, max(0.0, self.left) / parties).remaining
        finally:
            self.left -= self.clock() - began


@dataclass(frozen=True, slots=True)
class _Deadline:
    """The end of one question, so many `seconds` after it began."""

    deadline: Deadline
    began: float
    seconds: float

    def remaining(self) -> float:
        """Return how many seconds are left; raises `TooSlowError` when there are none."""
        left = self.began + self.seconds - self.deadline.clock()
        if left <= 0:
            self.deadline.is_cut = True
            raise TooSlowError(f"no answer within {self.seconds:.1f} s, and a start waits no longer for news")
        return left
