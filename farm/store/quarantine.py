"""Downloads that are not what was asked for, under the digests that they have, until somebody asks for these.

So whoever corrects a digest in a recipe needs no second download. A store never shows these bytes as blobs before.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from farm.store.blobs import BlobStore
from farm.store.errors import CorruptBlobError, MissingBlobError

if TYPE_CHECKING:
    from farm.core.names.digest import Digest
    from farm.store.blobs import BlobWriter

MOST_BYTES = 1 << 30
MOST_SECONDS = 14 * 86400
"""How much is in quarantine, and how long: beyond that, the oldest goes first."""


class Quarantine:
    """The quarantine of a store, in its directory `quarantine`. Any number of processes may share it."""

    def __init__(self, store: BlobStore, *, most_bytes: int = MOST_BYTES, most_seconds: float = MOST_SECONDS) -> None:
        self._store = store
        self._held = BlobStore(store.root / "quarantine")
        self._most_bytes = most_bytes
        self._most_seconds = most_seconds

    def writer(self) -> BlobWriter:
        """Return a writer for a download whose digest is not yet known; `commit` puts it into quarantine."""
        return self._held.writer()

    def release(self, digest: Digest) -> bool:
        """Make a blob of the store of what has this digest here, verified; return whether there was any."""
        try:
            self._held.verify(digest)
            self._store.share(self._held, digest)
        except MissingBlobError:
            return False
        except CorruptBlobError:
            self._held.delete(digest)
            return False
        self._held.delete(digest)
        return True

    def trim(self) -> None:
        """Remove what is too old, and the oldest of what is too much."""
        found = []
        for digest in self._held.iter():
            with suppress(FileNotFoundError):
                status = self._held.path(digest).stat()
                found.append((status.st_mtime, status.st_size, digest))
        size, oldest = 0, time.time() - self._most_seconds
        for since, length, digest in sorted(found, reverse=True):
            size += length
            if size > self._most_bytes or since < oldest:
                self._held.delete(digest)

    def clear(self, *, remove: bool = True) -> int:
        """Remove everything, and return its size; or only count it."""
        size = 0
        for digest in self._held.iter():
            with suppress(MissingBlobError):
                size += self._held.size(digest)
            if remove:
                self._held.delete(digest)
        if remove:
            self._held.sweep()
        return size
