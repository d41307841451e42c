"""The directories of attempts on a host: mount points, scripts, and the proof that the owner of each still lives.

A directory is locked for as long as the owner's process exists; the kernel drops the lock however that ends.
`lease.json` holds its farm and the end of its lease, on the host's clock; each heartbeat rewrites it. From these the
janitor of the host, which every worker runs, knows what is abandoned. Several farms may share one Docker Engine, and
one directory of attempts: none touches the attempts of another.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import tempfile
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from farm.container.host_clock import HostTime, host_time
from farm.container.mounts import unmount_below
from farm.container.owner_process import OwnerProcess
from farm.errors import FarmError
from farm.store.descriptors import opened
from farm.store.durable_file import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterator


LABEL_OWNER = "farm.owner"
"""The farm that owns a container. Containers of farm's first versions have none, and are never removed."""
LABEL_ATTEMPTS = "farm.attempts"
"""The identity of the directory that contains those of attempts."""
LABEL_LEASE = "farm.lease"
"""The name of the attempt, which is that of its directory."""
LABEL_PROCESS = "farm.process"
"""The process that owns the attempt, as an `OwnerProcess`."""
LABEL_DIRECTORY = "farm.attempts-directory"
"""The path of the directory of attempts, for the process that owns the attempt."""
IDENTITY = ".identity"
"""The file with the identity. The path of a directory may differ between processes; this file is in it."""


@dataclass(frozen=True, slots=True)
class AttemptsRoot:
    """The directory `path` of attempts, used by the farm `owner` (its directory or address), with its `identity`."""

    path: Path
    owner: str
    identity: str

    @classmethod
    def open(cls, path: Path, owner: str) -> AttemptsRoot:
        """Make the directory and its identity if they are missing. Raises `OSError`."""
        path.mkdir(parents=True, exist_ok=True)
        file = path / IDENTITY
        if not file.exists():
            _make_identity(file)
        return cls(path, owner, file.read_text().strip())

    @property
    def labels(self) -> dict[str, str]:
        """The labels of every container of this farm's attempts here."""
        return {LABEL_OWNER: self.owner, LABEL_ATTEMPTS: self.identity}


def _make_identity(file: Path) -> None:
    """Write the file completely or not at all; of several writers at once, the first wins."""
    with tempfile.NamedTemporaryFile("w", prefix=f"{IDENTITY}-", dir=file.parent) as writing:
        writing.write(f"{secrets.token_hex(16)}\n")
        writing.flush()
        with suppress(FileExistsError):
            os.link(writing.name, file)


NEW = ".new-"
"""The prefix of directories that are being made."""


@dataclass(frozen=True, slots=True)
class WrittenLease:
    """The lease in an attempt's directory: its farm, and when it ends, if it does."""

    owner: str
    until: HostTime | None


class AttemptDirectory(AbstractContextManager["AttemptDirectory"]):
    """The locked directory of one running attempt; a context manager that unmounts and removes all of it."""

    def __init__(self, root: AttemptsRoot, path: Path, lock: int) -> None:
        self._root = root
        self.path = path
        self._lock = lock

    @classmethod
    def make(cls, root: AttemptsRoot, token: str, *, seconds: float | None = None) -> AttemptDirectory:
        """Make and lock the directory of a lease that ends in so many seconds (None: with this process).

        Only the owner may enter it, so that other users cannot reach a volume that a build fills. Its name is the
        digest of the token, because a build sees the name among its mounts and must not learn the token. Raises the
        error `attempt-directory` if the lease has a directory on this host already.
        """
        path = root.path / attempt_name(token)
        # A janitor must not take a directory that is not locked yet for an abandoned one.
        with opened(root.path, os.O_DIRECTORY) as making:
            fcntl.flock(making, fcntl.LOCK_SH)
            unnamed = Path(tempfile.mkdtemp(prefix=NEW, dir=root.path))
            lock = os.open(unnamed, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(lock, fcntl.LOCK_EX)
        directory = cls(root, unnamed, lock)
        try:
            directory.extend(seconds)
            # It is locked before it gets the name by which containers are labelled.
            unnamed.rename(path)
        except OSError as error:
            directory.close()
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            raise FarmError(
                f"the attempt {path.name} is already running on this host", code="attempt-directory"
            ) from error
        directory.path = path
        return directory

    @property
    def name(self) -> str:
        """The name of the attempt in labels, logs and provenance."""
        return self.path.name

    @property
    def labels(self) -> dict[str, str]:
        """The labels of its containers."""
        return {
            **self._root.labels,
            LABEL_LEASE: self.name,
            LABEL_PROCESS: str(OwnerProcess.current()),
            LABEL_DIRECTORY: str(self._root.path.absolute()),
        }

    def extend(self, seconds: float | None) -> None:
        """Record that the lease ends in so many seconds, as a heartbeat does; None: with this process."""
        lease: dict[str, object] = {"owner": self._root.owner}
        if seconds is not None:
            until = host_time(seconds)
            lease |= {"clock": until.clock, "until": until.seconds}
        replace_file(self.path / "lease.json", json.dumps(lease).encode(), durable=False)

    def subdirectory(self, name: str) -> Path:
        """Make a directory in it."""
        path = self.path / name
        path.mkdir(parents=True)
        return path

    def close(self) -> None:
        """Unmount what is mounted in it, remove it, and release the lock."""
        try:
            clear(self.path)
        finally:
            os.close(self._lock)

    def __exit__(self, *_: object) -> None:
        self.close()


def attempt_name(token: str) -> str:
    """Return the public name of the attempt with the lease `token`."""
    return hashlib.sha256(token.encode()).hexdigest()[:32]


def written_lease(path: Path) -> WrittenLease | None:
    """Return the lease in an attempt's directory; None if there is none, or it is of farm's first versions."""
    try:
        lease = json.loads((path / "lease.json").read_text())
        owner, clock, until = lease["owner"], lease.get("clock"), lease.get("until")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not isinstance(owner, str):
        return None
    timed = isinstance(clock, str) and isinstance(until, int | float)
    return WrittenLease(owner, HostTime(clock, float(until)) if timed else None)


def take_over(path: Path) -> int | None:
    """Lock the directory of an owner that has ended, and return the lock's descriptor; None while the owner lives."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


@contextmanager
def none_being_made(root: Path) -> Iterator[bool]:
    """Prevent directories from being made below `root` meanwhile; False if one is being made right now."""
    with opened(root, os.O_DIRECTORY) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            free = False
        else:
            free = True
        yield free


def clear(path: Path) -> None:
    """Unmount everything at or below a directory, and remove it; nothing is removed through a mount."""
    if not path.exists():
        return
    unmount_below(path)
    with suppress(FileNotFoundError):
        shutil.rmtree(path)
