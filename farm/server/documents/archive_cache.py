"""What archives hold, by digest: worked out while they are uploaded, remembered until the build that they are of ends.

Nothing depends on its memory: what was not seen to pass here is read through.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from farm.store.decompress import unpacked_digest

if TYPE_CHECKING:
    from farm.core.names.digest import Digest
    from farm.store.blobs import BlobStore

_REMEMBERED = 4096


class ArchiveCache:
    """The digest of what is in an archive, by the digest of the archive: for any number of threads."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._known: OrderedDict[Digest, Digest] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, archive: Digest, unpacked: Digest) -> None:
        """Keep what came out of an archive when it passed by."""
        with self._lock:
            self._known[archive] = unpacked
            self._known.move_to_end(archive)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)

    def unpacked(self, archive: Digest) -> Digest:
        """Return what an archive holds. Raises `MissingBlobError`, `CorruptBlobError`, `UndecodableArchiveError`."""
        with self._lock:
            known = self._known.get(archive)
        if known is None:
            known = unpacked_digest(self._blobs, archive)
            self.remember(archive, known)
        return known
