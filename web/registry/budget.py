"""Limits the registry's work for strangers: each thing once, few at a time, and a number in each minute."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from web.registry.errors import RegistryAnswerError, too_many

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

_T = TypeVar("_T")
_MINUTE = 60.0
_MOST_KEPT = 1024
_SOON = 5  # seconds
_LASTING = (403, 404)
"""Refusals that never change, because a key names a release."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits: how many images may be made in a minute and at a time, and how many requests wait, for how many seconds.

    `one_a_minute` and `one_waits` are the share of one network in those limits. `content` is the most bytes that the
    packages of one image may have.
    """

    a_minute: int = 120
    at_a_time: int = 2
    waiting: int = 30
    deadline: float = 20.0
    one_a_minute: int = 40
    one_waits: int = 16
    content: int = 8 << 30

    @property
    def inside(self) -> int:
        """The most requests that make something or wait."""
        return self.at_a_time + self.waiting


class Makings(Generic[_T]):
    """Makes images: a request for one that is being made waits for it; no lock is held meanwhile."""

    def __init__(self, bounds: Bounds, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._bounds = bounds
        self._clock = clock
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(bounds.at_a_time)
        self._under_way: dict[Hashable, Future[_T]] = {}
        self._refused: dict[Hashable, RegistryAnswerError] = {}
        self._inside: Counter[str] = Counter()
        self._began = clock()
        self._spent: Counter[str] = Counter()

    @property
    def inside(self) -> int:
        """The number of requests that make something or wait."""
        return self._inside.total()

    def once(self, key: Hashable, make: Callable[[], _T], who: str = "") -> _T:
        """Return the result of `make`, or that of a concurrent request; `who` is the network that asks.

        A refusal for this key is repeated without another check. Raises `RegistryAnswerError`, and what `make` raises.
        """
        with self._lock:
            if key in self._refused:
                raise self._refused[key].with_traceback(None)
            if self.inside >= self._bounds.inside or self._inside[who] >= self._bounds.one_waits:
                raise too_many(_SOON)
            found = self._under_way.get(key)
            if found is None:
                self._spend(who)
                mine = self._under_way[key] = Future()
            self._inside[who] += 1
        with self._leaving(who):
            return self._wait(found) if found else self._carry_out(key, mine, make)

    @contextmanager
    def _leaving(self, who: str) -> Iterator[None]:
        try:
            yield
        finally:
            with self._lock:
                self._inside[who] -= 1
                if not self._inside[who]:
                    del self._inside[who]

    def _carry_out(self, key: Hashable, mine: Future[_T], make: Callable[[], _T]) -> _T:
        try:
            made = self._make(make)
        except BaseException as error:
            self._end(key, error)
            mine.set_exception(error)
            raise
        self._end(key, None)
        mine.set_result(made)
        return made

    def _end(self, key: Hashable, error: BaseException | None) -> None:
        with self._lock:
            del self._under_way[key]
            if isinstance(error, RegistryAnswerError) and error.status in _LASTING:
                if len(self._refused) >= _MOST_KEPT:
                    self._refused.clear()
                self._refused[key] = error

    def _make(self, make: Callable[[], _T]) -> _T:
        if not self._places.acquire(timeout=self._bounds.deadline):
            raise too_many(_SOON)
        try:
            return make()
        finally:
            self._places.release()

    def _wait(self, found: Future[_T]) -> _T:
        try:
            return found.result(2 * self._bounds.deadline)
        except TimeoutError:
            raise too_many(_SOON) from None

    def _spend(self, who: str) -> None:
        now = self._clock()
        if now - self._began >= _MINUTE:
            self._began, self._spent = now, Counter()
        if self._spent.total() >= self._bounds.a_minute or self._spent[who] >= self._bounds.one_a_minute:
            raise too_many(max(1, round(self._began + _MINUTE - now)))
        self._spent[who] += 1
