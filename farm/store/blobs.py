"""The content-addressed store: immutable blobs on disk, identified by their sha256.

The store does not interpret the bytes. A blob appears whole or not at all, survives a crash once its digest was
returned, and is verified whenever it is read. Any number of processes may share a store, including one that another
user writes to: only regular files are blobs, so that no reader waits at a pipe or follows a link.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import os
import re
import secrets
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, BinaryIO, Self, cast

from farm.core.names.digest import Digest
from farm.store.durable_file import sync_folder
from farm.store.errors import BlobMismatchError, CorruptBlobError, MissingBlobError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from typing_extensions import Buffer

_BUFFER = 1 << 20
_SHARD = re.compile(r"[0-9a-f]{2}")
_REST = re.compile(r"[0-9a-f]{62}")


class BlobStore:
    """A directory of blobs: `ROOT/sha256/ab/cdef…`, and `ROOT/tmp` for those that are being written."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    @property
    def incoming(self) -> Path:
        """The directory in which blobs are written before they get their names."""
        return self.root / "tmp"

    def put_bytes(self, content: bytes) -> Digest:
        """Store these bytes and return their digest. Existing bytes are not written again."""
        digest = Digest.of(content)
        with suppress(MissingBlobError, CorruptBlobError):
            if self.size(digest) == len(content) and self.read(digest) == content:
                sync_folder(self.path(digest).parent)  # another writer may have renamed it at this moment
                return digest
        self.put((content,), digest)
        return digest

    def put(self, pieces: Iterable[bytes], expected: Digest) -> None:
        """Store a blob that comes in pieces. Raises `BlobMismatchError`, and stores nothing, for other content."""
        with self.writer() as writer:
            for piece in pieces:
                writer.write(piece)
            writer.commit(expected)

    def writer(self) -> BlobWriter:
        """Return a writer for a blob whose digest will be known at its end; use it as a context manager."""
        self.incoming.mkdir(parents=True, exist_ok=True)
        return BlobWriter(self, self.incoming)

    def scratch(self) -> BinaryIO:
        """Open a file without a name on the store's disk, for content that will not be a blob."""
        self.incoming.mkdir(parents=True, exist_ok=True)
        return cast("BinaryIO", TemporaryFile(dir=self.incoming))

    def path(self, digest: Digest) -> Path:
        """Return the path of the blob, whether or not it exists. Reading that path does not verify it."""
        return self.root / "sha256" / digest.hex[:2] / digest.hex[2:]

    def has(self, digest: Digest) -> bool:
        """Return whether the blob exists (its bytes are not read)."""
        return self._status(digest) is not None

    def size(self, digest: Digest) -> int:
        """Return the blob's size in bytes; raises `MissingBlobError`."""
        status = self._status(digest)
        if status is None:
            raise MissingBlobError(digest)
        return status.st_size

    def open(self, digest: Digest) -> BinaryIO:
        """Open the blob as a stream (not seekable).

        The stream raises `CorruptBlobError` instead of yielding its last bytes when they are not the blob's. Raises
        `MissingBlobError`.
        """
        return io.BufferedReader(_Verifying(self._opened(digest), digest, self.path(digest)), _BUFFER)

    def read(self, digest: Digest) -> bytes:
        """Return the verified bytes of a blob; raises `MissingBlobError`, `CorruptBlobError`."""
        with self._opened(digest) as file:
            content = file.readall()
        actual = Digest.of(content)
        if actual != digest:
            raise CorruptBlobError(digest, actual, len(content), self.path(digest))
        return content

    def pieces(self, digest: Digest) -> Iterator[bytes]:
        """Yield the verified bytes of a blob in pieces; raises `MissingBlobError`, `CorruptBlobError`."""
        with self.open(digest) as stream:
            yield from pieces_of(stream)

    def verify(self, digest: Digest) -> None:
        """Read the whole blob; raises `MissingBlobError`, `CorruptBlobError`."""
        for _ in self.pieces(digest):
            pass

    def share(self, other: BlobStore, digest: Digest) -> None:
        """Take a blob from another store: by a hard link on one file system, else by a copy.

        Another user's file is copied too: its owner can change its content, under every name. Raises
        `MissingBlobError`; and `CorruptBlobError`, or `BlobMismatchError`, when a copy shows that the blob is damaged.
        """
        place = self.path(digest)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(other.path(digest), place)
            is_linked = place.lstat().st_uid in (0, os.geteuid())
        except FileExistsError:
            if self.has(digest):
                return
            is_linked = False
        except FileNotFoundError:
            raise MissingBlobError(digest) from None
        except OSError:  # another file system, or another user's file
            is_linked = False
        if not is_linked:
            self.put(other.pieces(digest), digest)
        sync_folder(place.parent)

    def _status(self, digest: Digest) -> os.stat_result | None:
        try:
            status = self.path(digest).lstat()
        except FileNotFoundError:
            return None
        return status if stat.S_ISREG(status.st_mode) else None

    def _opened(self, digest: Digest) -> io.FileIO:
        try:
            descriptor = os.open(self.path(digest), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
                raise MissingBlobError(digest) from None
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise MissingBlobError(digest)
        return io.FileIO(descriptor, "rb")

    def iter(self) -> Iterator[Digest]:
        """Yield the digests of all blobs, sorted. Blobs added or removed meanwhile may or may not be among them."""
        base = self.root / "sha256"
        for shard in sorted(name for name in names_in(base) if _SHARD.fullmatch(name)):
            for rest in sorted(name for name in names_in(base / shard) if _REST.fullmatch(name)):
                yield Digest.from_hex(shard + rest)

    def delete(self, digest: Digest) -> None:
        """Remove the blob if it exists. Open streams continue to read it."""
        self.path(digest).unlink(missing_ok=True)

    def sweep(self) -> int:
        """Remove the files that killed writers have left in `ROOT/tmp`, and return their number."""
        swept = 0
        for name in names_in(self.incoming):
            path = self.incoming / name
            with suppress(FileNotFoundError), path.open("rb") as file, suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a living writer holds this lock
                path.unlink()
                swept += 1
        return swept


class BlobWriter:
    """Writes one blob. Leaving the context without `commit` leaves nothing behind."""

    def __init__(self, store: BlobStore, directory: Path) -> None:
        self._store = store
        self._temporary, descriptor = _create_locked(directory)
        self._raw = io.FileIO(descriptor, "wb")
        self._file = io.BufferedWriter(self._raw, _BUFFER)
        self._hash = hashlib.sha256()
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._raw.closed:
            self._temporary.unlink(missing_ok=True)
            self._raw.close()  # before its buffer, which would otherwise write out the discarded bytes

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes."""
        self._hash.update(data)
        self._file.write(data)
        self.size += len(data)

    def commit(self, expected: Digest | None = None, *, durable: bool = True) -> Digest:
        """Make the blob durable under its digest, and return the digest.

        An existing file is replaced, whatever it is, so writing a blob again repairs a corrupt one. Without `durable`,
        the blob may be missing or truncated after a power cut: only for blobs that can be fetched again. Raises
        `BlobMismatchError` (and stores nothing) when the content is not `expected`.
        """
        digest = Digest.from_hex(self._hash.hexdigest())
        if expected is not None and digest != expected:
            raise BlobMismatchError(expected, digest, self.size)
        self._file.flush()
        if durable:
            os.fsync(self._file.fileno())
        final = self._store.path(digest)
        if not final.parent.is_dir():
            final.parent.mkdir(parents=True, exist_ok=True)
            sync_folder(final.parent.parent)
            sync_folder(final.parent.parent.parent)
        _take_place(self._temporary, final)
        if durable:
            sync_folder(final.parent)
        self._file.close()
        return digest


class _Verifying(io.RawIOBase):
    """Hashes the bytes that are read, and raises in place of the last ones when the whole has another digest."""

    def __init__(self, raw: io.FileIO, digest: Digest, path: Path) -> None:
        self._raw = raw
        self._digest = digest
        self._path = path
        self._hash = hashlib.sha256()
        self._seen = 0
        self._size = os.fstat(raw.fileno()).st_size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer).cast("B")
        count = self._raw.readinto(view) or 0
        self._hash.update(view[:count])
        self._seen += count
        if self._seen >= self._size or (count == 0 and len(view)):
            actual = Digest.from_hex(self._hash.hexdigest())
            if actual != self._digest:
                raise CorruptBlobError(self._digest, actual, self._seen, self._path)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def pieces_of(stream: IO[bytes] | io.BufferedIOBase) -> Iterator[bytes]:
    """Yield what a stream still holds, in pieces."""
    return iter(lambda: stream.read(_BUFFER), b"")


def _create_locked(directory: Path) -> tuple[Path, int]:
    while True:
        path = directory / secrets.token_hex(16)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:  # otherwise a sweep ran between the two calls
            return path, descriptor
        os.close(descriptor)


def _take_place(temporary: Path, final: Path) -> None:
    try:
        temporary.replace(final)
    except IsADirectoryError:  # a file does not replace a directory; only another program makes one here
        shutil.rmtree(final)
        temporary.replace(final)


def names_in(directory: Path) -> list[str]:
    """Return the names in a directory; none if there is no directory."""
    try:
        return [path.name for path in directory.iterdir()]
    except FileNotFoundError:
        return []
