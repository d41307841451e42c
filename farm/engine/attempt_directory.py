"""An attempt's own directory on its worker's host: mount points, scripts, and the proof that its owner still lives.

The directory is locked for as long as the owner's process exists; the kernel drops the lock whatever kills the
process. `lease.json` holds when the lease ends, and is rewritten at each heartbeat. From these two the janitor of the
host, whichever worker runs it, knows what is abandoned.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from farm.engine.mounts import unmount_below
from farm.errors import FarmError

if TYPE_CHECKING:
    from types import TracebackType

NEW = ".new-"
"""What the name of a directory begins with that is being made."""


class AttemptDirectoryError(FarmError):
    """An attempt's directory cannot be made, because the same lease is at work on this host already."""

    code = "attempt-directory"


class AttemptDirectory:
    """The locked directory of one running attempt; a context manager that unmounts and removes all of it."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def make(cls, root: Path, token: str, *, deadline: float) -> AttemptDirectory:
        """Make and lock the directory of a lease. `deadline` is when the lease ends, in seconds of Unix time.

        Only the owner may enter it: a volume below that a build fills stays out of other users' reach. It is named for
        the token's digest, because a build sees the name among its mounts and must not learn the token.
        Raises `AttemptDirectoryError`.
        """
        root.mkdir(parents=True, exist_ok=True)
        path = root / attempt_name(token)
        unborn = Path(tempfile.mkdtemp(prefix=NEW, dir=root))
        lock = os.open(unborn, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_EX)
        directory = cls(unborn, lock)
        try:
            directory.extend(deadline)
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

    def extend(self, deadline: float) -> None:
        """Write down that the lease ends at `deadline` (seconds of Unix time), as a heartbeat does."""
        temporary = self.path / "lease.json.new"
        temporary.write_text(json.dumps({"deadline": deadline}))
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


def lease_deadline(path: Path) -> float:
    """Return when the lease of an attempt's directory ends; a directory without a readable one has ended already."""
    try:
        deadline = json.loads((path / "lease.json").read_text())["deadline"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0
    return float(deadline) if isinstance(deadline, int | float) else 0.0


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


def clear(path: Path) -> None:
    """Unmount what is mounted at or below a directory and remove it; never removes through a mount."""
    if not path.exists():
        return
    unmount_below(path)
    with suppress(FileNotFoundError):
        shutil.rmtree(path)
