"""An attempt's own directory on its worker's host: mount points, scripts, and the proof that its owner still lives.

The directory is locked for as long as the owner's process exists; the kernel drops the lock whatever kills the
process. `lease.json` holds whose it is and when the lease ends, on the host's clock; each heartbeat writes it anew.
From these the janitor of the host, whichever of the farm's workers runs it, knows what is abandoned.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from farm.container.attempts_root import LABEL_LEASE
from farm.container.host_clock import HostTime, host_time
from farm.container.mounts import unmount_below
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from farm.container.attempts_root import AttemptsRoot

NEW = ".new-"
"""What the name of a directory begins with that is being made."""


class AttemptDirectoryError(FarmError):
    """An attempt's directory cannot be made, because the same lease is at work on this host already."""

    code = "attempt-directory"


@dataclass(frozen=True, slots=True)
class WrittenLease:
    """What is written in an attempt's directory: the farm whose it is, and when its lease ends, if that was said."""

    owner: str
    until: HostTime | None


class AttemptDirectory:
    """The locked directory of one running attempt; a context manager that unmounts and removes all of it."""

    def __init__(self, root: AttemptsRoot, path: Path, lock: int) -> None:
        self._root = root
        self.path = path
        self._lock = lock

    @classmethod
    def make(cls, root: AttemptsRoot, token: str, *, seconds: float | None = None) -> AttemptDirectory:
        """Make and lock the directory of a lease that ends in so many seconds (None: with this process).

        Only the owner may enter it: a volume below that a build fills stays out of other users' reach. It is named for
        the token's digest, because a build sees the name among its mounts and must not learn the token.
        Raises `AttemptDirectoryError`.
        """
        path = root.path / attempt_name(token)
        # While a directory is not locked yet, no janitor may take it for one whose owner is gone.
        with _opened(root.path) as making:
            fcntl.flock(making, fcntl.LOCK_SH)
            unborn = Path(tempfile.mkdtemp(prefix=NEW, dir=root.path))
            lock = os.open(unborn, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(lock, fcntl.LOCK_EX)
        directory = cls(root, unborn, lock)
        try:
            directory.extend(seconds)
            # Locked before it has its name, under which the containers know it.
            unborn.rename(path)
        except OSError as error:
            directory.close()
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            raise AttemptDirectoryError(f"the attempt {path.name} is at work on this host already") from error
        directory.path = path
        return directory

    @property
    def name(self) -> str:
        """What the attempt is called in labels, logs and provenance."""
        return self.path.name

    @property
    def labels(self) -> dict[str, str]:
        """By what its containers are known."""
        return {**self._root.labels, LABEL_LEASE: self.name}

    def extend(self, seconds: float | None) -> None:
        """Write down that the lease ends in so many seconds, as a heartbeat does; None: with this process."""
        lease: dict[str, object] = {"owner": self._root.owner}
        if seconds is not None:
            until = host_time(seconds)
            lease |= {"clock": until.clock, "until": until.seconds}
        temporary = self.path / "lease.json.new"
        temporary.write_text(json.dumps(lease))
        temporary.replace(self.path / "lease.json")

    def subdirectory(self, name: str) -> Path:
        """Make a directory in it."""
        path = self.path / name
        path.mkdir(parents=True)
        return path

    def close(self) -> None:
        """Unmount what is mounted in it, remove it, and let go of the lock."""
        try:
            clear(self.path)
        finally:
            os.close(self._lock)

    def __enter__(self) -> AttemptDirectory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def attempt_name(token: str) -> str:
    """Return the public name of the attempt that holds the lease `token`."""
    return hashlib.sha256(token.encode()).hexdigest()[:32]


def written_lease(path: Path) -> WrittenLease | None:
    """Return what is written in an attempt's directory; None where that is nothing, or of farm's first versions."""
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
    """Lock the directory of an owner that is gone and return the lock's descriptor; None while the owner lives."""
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
    """Keep directories from being made below `root` meanwhile; False where one is being made this moment."""
    with _opened(root) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            free = False
        else:
            free = True
        yield free


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a directory; its lock, if it gets one, lasts as long as this."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def clear(path: Path) -> None:
    """Unmount what is mounted at or below a directory and remove it; never removes through a mount."""
    if not path.exists():
        return
    unmount_below(path)
    with suppress(FileNotFoundError):
        shutil.rmtree(path)
