"""Blobs from a repository into the host's store: by digest, of a size known beforehand, verified as they arrive."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from farm.blobs import BlobMismatchError, CorruptBlobError, MissingBlobError
from farm.errors import FarmError
from farm.plan import BlobRef
from farm.trust.layout import blob_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from farm.blobs import BlobStore
    from farm.names import Digest
    from farm.trust.client_metadata import RepositoryReader

PARALLEL = 4
"""How many blobs are fetched at a time."""


class DownloadError(FarmError):
    """A blob could not be had: `what` says whose it is."""

    code = "download"

    def __init__(self, what: str, why: str, remedy: str) -> None:
        super().__init__(f"cannot fetch the {what}: {why}", remedy=remedy)
        self.what = what


class Downloads:
    """Brings blobs from `reader` into `store`. What is there already, and whole, is not asked for again."""

    def __init__(self, reader: RepositoryReader, store: BlobStore) -> None:
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
            with self.store.writer() as writer:
                for chunk in self._reader.stream(blob_path(blob.digest)):
                    if writer.size + len(chunk) > blob.size:
                        raise DownloadError(what, f"it has more than the {blob.size} bytes that were signed", _TAMPERED)
                    writer.write(chunk)
                writer.commit(blob.digest, durable=durable)
        except BlobMismatchError as error:
            raise DownloadError(what, f"expected {error.expected}, got {error.actual}", _TAMPERED) from error
        except FileNotFoundError as error:
            raise DownloadError(what, f"the repository lacks {blob.digest}", "Try another mirror.") from error
        except OSError as error:
            raise DownloadError(what, str(error), "Check the network and the disk, and run it again.") from error


_TAMPERED = "Nothing was changed. The mirror is damaged or lies: try another, and tell the owner of the channel."
