"""Blobs from a repository into the host's store: by digest, of a size known beforehand, verified as they arrive."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from farm.blobs import BlobMismatchError, CorruptBlobError, MissingBlobError
from farm.blobs.partial import PartialWriter
from farm.client.full_disk import FULL, full_disk_named
from farm.errors import FarmError
from farm.plan import BlobRef
from farm.trust.layout import blob_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from farm.blobs import BlobStore, BlobWriter
    from farm.client.readers import BlobReader
    from farm.names import Digest

PARALLEL = 4
"""How many blobs are fetched at a time."""
_WORTH_KEEPING = 256 * 1024
"""Bytes: of a larger blob, what has arrived is kept for the next try."""


class DownloadError(FarmError):
    """A blob could not be had: `what` says whose it is."""

    code = "download"

    def __init__(self, what: str, why: str, remedy: str) -> None:
        super().__init__(f"cannot fetch the {what}: {why}", remedy=remedy)
        self.what = what


class Downloads:
    """Brings blobs from `reader` into `store`. What is there already, and whole, is not asked for again."""

    def __init__(self, reader: BlobReader, store: BlobStore) -> None:
        self._reader = reader
        self.store = store

    def read(self, blob: BlobRef, what: str) -> bytes:
        """Return the verified bytes of a small blob, from the store or from the repository. Raises `DownloadError`."""
        try:
            return self.store.read(blob.digest)
        except (MissingBlobError, CorruptBlobError):
            self._fetch(blob, what)
            return self.store.read(blob.digest)

    def ensure(self, blob: BlobRef, what: str) -> None:
        """See that the blob is in the store; raises `DownloadError`."""
        if not (self.store.has(blob.digest) and self.store.size(blob.digest) == blob.size):
            self._fetch(blob, what)

    def ensure_within(self, digest: Digest, most: int, what: str) -> None:
        """See that a blob is in the store whose size nobody has said; refuses more than `most` bytes of it.

        Raises `DownloadError`.
        """
        try:
            self.store.verify(digest)
        except (MissingBlobError, CorruptBlobError):
            self._fetch(BlobRef(digest, most), what)

    def ensure_all(self, blobs: Iterable[tuple[BlobRef, str]], done: Callable[[BlobRef], None]) -> None:
        """Bring blobs, four at a time, calling `done` after each. Raises the first `DownloadError`."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            futures = [(blob, pool.submit(self.ensure, blob, what)) for blob, what in blobs]
            try:
                for blob, future in futures:
                    future.result()
                    done(blob)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def prefetch(self, blobs: Iterable[BlobRef], what: str) -> None:
        """Bring small blobs that `read` is going to be asked for, four at a time. Raises the first `DownloadError`.

        They are not flushed to the disk, for which thousands of them would wait: `read` fetches again what is broken.
        """
        missing = [blob for blob in blobs if not self.store.has(blob.digest)]
        if missing:
            with ThreadPoolExecutor(PARALLEL) as pool:
                list(pool.map(lambda blob: self._fetch(blob, what, durable=False), missing))

    def _fetch(self, blob: BlobRef, what: str, *, durable: bool = True) -> None:
        try:
            with full_disk_named(self.store.root):
                if blob.size > _WORTH_KEEPING:
                    self._fetch_large(blob, what)
                    return
                with self.store.writer() as writer:
                    self._receive(writer, blob, what)
                    writer.commit(blob.digest, durable=durable)
        except BlobMismatchError as error:
            raise DownloadError(what, f"expected {error.expected}, got {error.actual}", _TAMPERED) from error
        except FileNotFoundError as error:
            raise DownloadError(what, f"the repository lacks {blob.digest}", "Try another mirror.") from error
        except OSError as error:
            if error.errno in FULL:
                raise
            raise DownloadError(what, str(error), "Check the network and the disk, and run it again.") from error

    def _fetch_large(self, blob: BlobRef, what: str) -> None:
        """Go on where a process that was killed, or a connection that broke, has ended."""
        before = self._inode(blob.digest)
        with PartialWriter(self.store, blob.digest) as writer:
            if self._inode(blob.digest) not in (None, before):
                return  # somebody else fetched it while this one waited
            if writer.size:
                try:
                    self._receive(writer, blob, what)
                    writer.commit(blob.digest)
                except (DownloadError, BlobMismatchError):
                    writer.restart()  # the part is not of this blob; or the host is to be asked for all of it
                else:
                    return
            try:
                self._receive(writer, blob, what)
                writer.commit(blob.digest)
            except (DownloadError, BlobMismatchError):
                writer.restart()
                raise

    def _receive(self, writer: BlobWriter, blob: BlobRef, what: str) -> None:
        path = blob_path(blob.digest)
        chunks = self._reader.stream(path, writer.size) if writer.size else self._reader.stream(path)
        for chunk in chunks:
            if writer.size + len(chunk) > blob.size:
                raise DownloadError(what, f"it has more than the {blob.size} bytes that were signed", _TAMPERED)
            writer.write(chunk)

    def _inode(self, digest: Digest) -> int | None:
        try:
            return self.store.path(digest).stat().st_ino
        except FileNotFoundError:
            return None


_TAMPERED = "Nothing was changed. The mirror is damaged or lies: try another, and tell the owner of the channel."
