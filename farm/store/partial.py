"""Resumable downloads of blobs: the part that has arrived is stored by the blob's digest, and continued later.

`ROOT/partial/<digest>` is not a blob: the whole is verified before it becomes one. A killed process leaves it behind,
and the next process that wants the blob continues it.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from farm.store.blobs import BlobWriter

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.names.digest import Digest
    from farm.store.blobs import BlobStore

_BUFFER = 1 << 20


def partial_size(store: BlobStore, digest: Digest) -> int:
    """Return how many bytes of a blob have arrived so far."""
    try:
        return (store.root / "partial" / digest.hex).stat().st_size
    except FileNotFoundError:
        return 0


class PartialWriter(BlobWriter):
    """Writes a blob from the end of an earlier writer: `size` is that position. Without `commit` the part is kept.

    Only one writer at a time has the part of a digest; others wait for it, in this and in other processes.
    """

    def __init__(self, store: BlobStore, digest: Digest) -> None:
        directory = store.root / "partial"
        directory.mkdir(parents=True, exist_ok=True)
        self._store = store
        self._temporary, descriptor = _open_locked(directory / digest.hex)
        self._raw = io.FileIO(descriptor, "r+b")
        self._hash = hashlib.sha256()
        self.size = 0
        while piece := self._raw.read(_BUFFER):
            self._hash.update(piece)
            self.size += len(piece)
        self._file = io.BufferedWriter(self._raw, _BUFFER)

    def __exit__(self, *_: object) -> None:
        if self._raw.closed:
            return
        with suppress(OSError):  # a full disk: what was written is kept nevertheless
            self._file.flush()
        if not os.fstat(self._raw.fileno()).st_size:
            self._temporary.unlink(missing_ok=True)
        self._raw.close()

    def restart(self) -> None:
        """Discard the part, and start again."""
        self._file.flush()
        self._raw.truncate(0)
        self._raw.seek(0)
        self._hash = hashlib.sha256()
        self.size = 0

    def commit(self, expected: Digest | None = None, *, durable: bool = True) -> Digest:
        """As `BlobWriter.commit`."""
        digest = super().commit(expected, durable=durable)
        self._store.path(digest).chmod(0o444)
        return digest


def sweep_partial(store: BlobStore, *, remove: bool = True) -> int:
    """Remove the parts that no process is writing, and return their total size; or only count them."""
    freed = 0
    directory = store.root / "partial"
    for path in directory.iterdir() if directory.is_dir() else ():
        with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            freed += os.fstat(file.fileno()).st_size
            if remove:
                path.unlink()
    return freed


def _open_locked(path: Path) -> tuple[Path, int]:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if os.fstat(descriptor).st_ino == path.stat().st_ino:
                    return path, descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its last writer has made a blob of it
