"""Mirrors: other places that have a repository's blobs. They are tried before the owner, and trusted for nothing.

Blobs are verified by digest. A mirror that sends other bytes, stalls or cannot be reached is not tried again by this
process; one that lacks a blob may have the next. The user is warned once about each.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from farm.client.repository.readers import InvalidAddressError, open_reader, shown
from farm.store.http.time_limits import TransferLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from farm.client.repository.readers import BlobReader
    from farm.store.http.time_limits import Deadline

    Warn = Callable[[str], None]

LIMITS = TransferLimits(grace_seconds=8.0, bytes_per_second=20_000.0)
"""How slow a mirror may be: less than an owner, because there is another place to try."""


def ignore_warning(_words: str) -> None:
    """Warn nobody."""


class Mirror:
    """A mirror at one address, opened on first use. Safe to use from several threads."""

    def __init__(self, address: str, warn: Warn = ignore_warning, limits: TransferLimits = LIMITS) -> None:
        self.address = address
        self.is_given_up = False
        self._warn = warn
        self._limits = limits
        self._reader: BlobReader | None = None
        self._told: set[bool] = set()
        self._lock = threading.Lock()

    def stream(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """As `BlobReader.stream`."""
        with self._lock:
            if self._reader is None:
                try:
                    self._reader = open_reader(self.address, self._limits)
                except InvalidAddressError as error:
                    raise OSError(error.message) from error
        yield from self._reader.stream(path, offset)

    def pass_over(self, why: str, *, for_good: bool) -> None:
        """Warn once that another place is used; with `for_good` this mirror is not tried again."""
        with self._lock:
            self.is_given_up |= for_good
            if for_good in self._told or True in self._told:
                return
            self._told.add(for_good)
        self._warn(f"the mirror {shown(self.address)} is passed over: {why}")


class Mirrors:
    """The mirrors of one process: each is opened, and given up, for all users in the process."""

    def __init__(self, warn: Warn = ignore_warning) -> None:
        self.warn = warn
        self.unreachable: set[str] = set()
        """Addresses of owners that could not be reached: waiting for each of them again is of no use."""
        self.deadline: Deadline | None = None
        """The time limit for the newest metadata; None for no limit."""
        self._opened: dict[str, Mirror] = {}

    def at(self, addresses: Iterable[str]) -> tuple[Mirror, ...]:
        """Return the mirrors at these addresses, in this order."""
        return tuple(self._opened.setdefault(address, Mirror(address, self.warn)) for address in addresses)
