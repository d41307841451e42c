"""The digests of the content of archives, computed during upload and remembered until the build ends.

Only a cache: an archive that is not in it is read.
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
    """The digest of an archive's content, by the digest of the archive; for any number of threads."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._known: OrderedDict[Digest, Digest] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, archive: Digest, unpacked: Digest) -> None:
        """Remember the digest of an archive's content."""
        with self._lock:
            self._known[archive] = unpacked
            self._known.move_to_end(archive)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)

    def unpacked(self, archive: Digest) -> Digest:
        """Return the digest of an archive's content.

        Raises `MissingBlobError`, `CorruptBlobError`, `UndecodableArchiveError`.
        """
        with self._lock:
            known = self._known.get(archive)
        if known is None:
            known = unpacked_digest(self._blobs, archive)
            self.remember(archive, known)
        return known
