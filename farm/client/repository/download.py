"""Blobs from a repository into the host's store: by digest, of a size known beforehand, verified as they arrive."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from farm.core.plan.job import BlobRef
from farm.errors import FarmError
from farm.store.disk_space import FULL, check_room, full_disk_named
from farm.store.errors import BlobMismatchError, CorruptBlobError, MissingBlobError
from farm.store.partial import PartialWriter, partial_size
from farm.trust.layout import blob_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from farm.client.repository.mirrors import Mirror
    from farm.client.repository.readers import BlobReader
    from farm.core.names.digest import Digest
    from farm.store.blobs import BlobStore, BlobWriter

PARALLEL = 4
"""How many blobs are fetched at a time."""
_WORTH_KEEPING = 256 * 1024
"""Of a blob larger than this (in bytes), the part that has arrived is kept for the next attempt."""


class DownloadError(FarmError):
    """A blob could not be fetched; `what` describes the blob."""

    code = "download"

    def __init__(self, what: str, why: str, remedy: str, *, is_lacking: bool = False) -> None:
        """`is_lacking`: the repository answers, and does not have the blob."""
        super().__init__(f"cannot fetch the {what}: {why}", remedy=remedy)
        self.what = what
        self.is_lacking = is_lacking


class _NotServedError(Exception):
    """A repository or mirror does not send the blob: `why`, and what the user can do. This host is not at fault."""

    def __init__(self, why: str, remedy: str, *, is_lacking: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.remedy = remedy
        self.is_lacking = is_lacking


class Downloads:
    """Fetches blobs into `store`: from one of `mirrors`, in their order, else from `reader`, the owner's repository.

    A blob that is in the store, and whole, is not requested again.
    """

    def __init__(self, reader: BlobReader, store: BlobStore, mirrors: Sequence[Mirror] = ()) -> None:
        self._reader = reader
        self._mirrors = mirrors
        self.store = store

    def read(self, blob: BlobRef, what: str) -> bytes:
        """Return the verified bytes of a small blob, from the store or from the repository. Raises `DownloadError`."""
        try:
            return self.store.read(blob.digest)
        except (MissingBlobError, CorruptBlobError):
            self._fetch(blob, what)
            return self.store.read(blob.digest)

    def ensure(self, blob: BlobRef, what: str, *, durable: bool = True) -> None:
        """Fetch the blob unless it is in the store; raises `DownloadError`."""
        if self.is_missing(blob):
            self._check_room([blob])
            self._fetch(blob, what, durable=durable)

    def ensure_within(self, digest: Digest, most: int, what: str) -> None:
        """Fetch a blob of unknown size unless it is in the store; refuses more than `most` bytes."""
        try:
            self.store.verify(digest)
        except (MissingBlobError, CorruptBlobError):
            self._fetch(BlobRef(digest, most), what)

    def ensure_all(
        self, blobs: Iterable[tuple[BlobRef, str]], done: Callable[[BlobRef], None], *, durable: bool = True
    ) -> None:
        """Fetch blobs, four at a time, calling `done` after each. Raises the first `DownloadError`.

        Without `durable`, the caller flushes all of them to the disk at the end.
        """
        blobs = list(blobs)
        self._check_room(blob for blob, _ in blobs)
        with ThreadPoolExecutor(PARALLEL) as pool:
            futures = [(blob, pool.submit(self.ensure, blob, what, durable=durable)) for blob, what in blobs]
            try:
                for blob, future in futures:
                    future.result()
                    done(blob)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def prefetch(self, blobs: Iterable[BlobRef], what: str) -> None:
        """Fetch small blobs that `read` is going to read, four at a time. Raises the first `DownloadError`.

        They are not flushed to the disk, because thousands would have to wait for that: `read` fetches a broken one
        again.
        """
        missing = [blob for blob in blobs if not self.store.has(blob.digest)]
        if missing:
            with ThreadPoolExecutor(PARALLEL) as pool:
                list(pool.map(lambda blob: self._fetch(blob, what, durable=False), missing))

    def is_missing(self, blob: BlobRef) -> bool:
        """Return whether the store lacks the blob, or has a part of it."""
        return not (self.store.has(blob.digest) and self.store.size(blob.digest) == blob.size)

    def _check_room(self, blobs: Iterable[BlobRef]) -> None:
        """Check that the disk has room for the blobs whose sizes are signed. Raises `OSError`."""
        if missing := {blob for blob in blobs if self.is_missing(blob)}:
            left = (max(0, blob.size - partial_size(self.store, blob.digest)) for blob in missing)
            check_room(self.store.root, sum(left))

    def _fetch(self, blob: BlobRef, what: str, *, durable: bool = True) -> None:
        try:
            with full_disk_named(self.store.root):
                self._fetch_from_any(blob, durable=durable)
        except _NotServedError as error:
            raise DownloadError(what, error.why, error.remedy, is_lacking=error.is_lacking) from error
        except OSError as error:
            if error.errno in FULL:
                raise
            raise DownloadError(what, str(error), "Check the disk, and run it again.") from error

    def _fetch_from_any(self, blob: BlobRef, *, durable: bool) -> None:
        for mirror in self._mirrors:
            if mirror.is_given_up:
                continue
            try:
                self._fetch_from(mirror, blob, durable=durable)
            except _NotServedError as error:
                mirror.pass_over(error.why, for_good=not error.is_lacking)
            else:
                return
        self._fetch_from(self._reader, blob, durable=durable)

    def _fetch_from(self, reader: BlobReader, blob: BlobRef, *, durable: bool) -> None:
        """Fetch from one place. Raises `_NotServedError`, and `OSError` for a fault of this host."""
        try:
            if blob.size > _WORTH_KEEPING:
                self._fetch_large(reader, blob, durable=durable)
                return
            with self.store.writer() as writer:
                _receive(writer, reader, blob, durable=durable)
        except BlobMismatchError as error:
            raise _NotServedError(f"expected {error.expected}, got {error.actual}", _TAMPERED) from error

    def _fetch_large(self, reader: BlobReader, blob: BlobRef, *, durable: bool) -> None:
        """Resume where a killed process, a broken connection or another place stopped.

        If the assembled blob has another digest, it cannot be known which part is at fault, so all of it is requested
        again.
        """
        before = self._inode(blob.digest)
        with PartialWriter(self.store, blob.digest) as writer:
            if self._inode(blob.digest) not in (None, before):
                return  # another process fetched it while this one waited
            if writer.size:
                try:
                    _receive(writer, reader, blob, durable=durable)
                except (_TooLongError, BlobMismatchError):
                    writer.restart()  # the part is not of this blob, or this host has to send all of it
                else:
                    return
            try:
                _receive(writer, reader, blob, durable=durable)
            except (_TooLongError, BlobMismatchError):
                writer.restart()
                raise

    def _inode(self, digest: Digest) -> int | None:
        try:
            return self.store.path(digest).stat().st_ino
        except FileNotFoundError:
            return None


class _TooLongError(_NotServedError):
    """A place sends more bytes than the signed size."""


def _receive(writer: BlobWriter, reader: BlobReader, blob: BlobRef, *, durable: bool) -> None:
    for chunk in _sent(reader, blob, writer.size):
        if writer.size + len(chunk) > blob.size:
            raise _TooLongError(f"it has more than the {blob.size} bytes that were signed", _TAMPERED)
        writer.write(chunk)
    writer.commit(blob.digest, durable=durable)


def _sent(reader: BlobReader, blob: BlobRef, offset: int) -> Iterator[bytes]:
    """Yield what a place sends; its failures become `_NotServedError`, to distinguish them from those of this disk."""
    path = blob_path(blob.digest)
    try:
        yield from reader.stream(path, offset) if offset else reader.stream(path)
    except FileNotFoundError as error:
        why = f"the repository lacks {blob.digest}"
        raise _NotServedError(why, "Try another mirror.", is_lacking=True) from error
    except OSError as error:
        raise _NotServedError(str(error), "Check the network, and run it again.") from error


_TAMPERED = "Nothing was changed. The mirror is damaged or malicious: try another, and tell the owner of the channel."
