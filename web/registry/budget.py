"""How much the registry works for strangers: the same thing once, few things at a time, so many a minute."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from web.registry.errors import RegistryError, TooManyError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

_T = TypeVar("_T")
_MINUTE = 60.0
_MOST_KEPT = 1024
_SOON = 5  # seconds
_LASTING = (403, 404)
"""The refusals that stay as they are, because a key names a release."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many makings there may be in a minute and at a time, and how many wait for one, for how many seconds.

    `images` is how many are kept.
    """

    a_minute: int = 120
    at_a_time: int = 2
    waiting: int = 8
    patience: float = 20.0
    images: int = 5000


class Makings(Generic[_T]):
    """Runs what is to be made. Who asks for what is being made already waits for that; no lock is held meanwhile.

    `inside` is how many make something or wait.
    """

    def __init__(self, bounds: Bounds, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._bounds = bounds
        self._clock = clock
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(bounds.at_a_time)
        self._under_way: dict[Hashable, Future[_T]] = {}
        self._refused: dict[Hashable, RegistryError] = {}
        self.inside = 0
        self._began = clock()
        self._spent = 0

    def once(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """Return what `make` gives, or gave to another who asks just now. Raises `TooManyError`, and what it raises.

        What was refused for this key is refused again without another look.
        """
        with self._lock:
            if key in self._refused:
                raise self._refused[key].with_traceback(None)
            if self.inside >= self._bounds.at_a_time + self._bounds.waiting:
                raise TooManyError(_SOON)
            found = self._under_way.get(key)
            mine = None if found else self._begin(key)
            self.inside += 1
        try:
            return self._carry_out(key, mine, make) if mine else self._wait(found)
        finally:
            with self._lock:
                self.inside -= 1

    def _begin(self, key: Hashable) -> Future[_T]:
        self._spend()
        self._under_way[key] = Future()
        return self._under_way[key]

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
            if isinstance(error, RegistryError) and error.status in _LASTING:
                if len(self._refused) >= _MOST_KEPT:
                    self._refused.clear()
                self._refused[key] = error

    def _make(self, make: Callable[[], _T]) -> _T:
        if not self._places.acquire(timeout=self._bounds.patience):
            raise TooManyError(_SOON)
        try:
            return make()
        finally:
            self._places.release()

    def _wait(self, found: Future[_T] | None) -> _T:
        assert found is not None  # noqa: S101  (asked by the caller)
        try:
            return found.result(2 * self._bounds.patience)
        except TimeoutError:
            raise TooManyError(_SOON) from None

    def _spend(self) -> None:
        now = self._clock()
        if now - self._began >= _MINUTE:
            self._began, self._spent = now, 0
        if self._spent >= self._bounds.a_minute:
            raise TooManyError(max(1, round(self._began + _MINUTE - now)))
        self._spent += 1
