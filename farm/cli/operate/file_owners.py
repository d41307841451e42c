"""The owners of the files in a farm's directory, and the change of owners; also from an earlier farm, all root's.

The directories of a farm stay root's, and so does the path to them: no service can replace one. The contents of a
directory change owner once, while only root can write to it; then it is opened to its group. Each file that root puts
there afterwards (toolchains, published drafts) is written as a new file and renamed into place, so it follows no link
that a service has made. If interrupted at any point, all this is done again at the next start.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from farm.cli.operate.farm_users import EVERY, ROOT, STORE, keep_users
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from farm.cli.operate.farm_home import FarmHome
    from farm.cli.operate.farm_users import FarmUsers

_SQLITE = ("farm.db-wal", "farm.db-shm", "farm.db")  # the database itself is moved last
_LOCK = "public/.publish.lock"


class _Within(Enum):
    """The contents of a place at the time of the change."""

    OTHERS = "other places, or a new file"
    FILES = "files and directories that its writers go on with"
    BLOBS = "a store of blobs, whose files never change and may be links"


@dataclass(frozen=True, slots=True)
class _Place:
    """A directory: its owner, and what its group may do. `writer` gets its contents, if they change owner."""

    path: str
    owner: str
    group: str
    mode: int
    within: _Within = _Within.OTHERS
    writer: str = ROOT

    @property
    def is_given(self) -> bool:
        return self.owner != ROOT or bool(self.mode & stat.S_IWGRP) or self.path == "keys/online"


_PLACES = (
    _Place("", ROOT, EVERY, 0o710),
    _Place("keys", ROOT, "signer", 0o710),
    _Place("keys/offline", ROOT, ROOT, 0o700),
    _Place("keys/online", ROOT, "signer", 0o750),
    _Place("workers", ROOT, ROOT, 0o700),
    _Place("log", ROOT, ROOT, 0o700),
    _Place("run", ROOT, EVERY, 0o710),
    _Place("run/redis", "redis", "control", 0o2710),
    _Place("run/signer", "signer", "control", 0o2710),
    _Place("run/images", "signer", "web", 0o2710),
    _Place("run/check", "check", "signer", 0o2710),
    _Place("ledger", "signer", "check", 0o2750),
    _Place("record", "check", "check", 0o700),
    _Place("database", ROOT, STORE, 0o2770),
    _Place("blobs", ROOT, STORE, 0o2750, _Within.BLOBS),
    _Place("logs", ROOT, STORE, 0o2770, _Within.FILES, "web"),
    _Place("foreign", ROOT, "control", 0o2770, _Within.FILES, "control"),
    _Place("git", ROOT, "control", 0o2770, _Within.FILES, "control"),
    _Place("registry", ROOT, "web", 0o2770, _Within.FILES, "web"),
    _Place("public", ROOT, ROOT, 0o755),
    _Place("public/metadata", ROOT, "signer", 0o2775),
    _Place("public/targets", ROOT, "signer", 0o2775),
    _Place("public/keys", ROOT, "signer", 0o2775),
    _Place("public/summaries", ROOT, "signer", 0o2775),
    _Place("public/previews", ROOT, "signer", 0o2775),
    _Place("public/blobs", ROOT, "control", 0o2755, _Within.BLOBS),
)


def hand_over(home: FarmHome, users: FarmUsers) -> None:
    """Make the directories of a farm, and give each with its contents to its owner. Raises the error `users`."""
    given = {place.path: (users.uid(place.owner), users.gid(place.group)) for place in _PLACES if place.is_given}
    given |= dict.fromkeys(_SQLITE, (users.uid("control"), users.gid(STORE)))
    given[_LOCK] = (users.uid("signer"), users.gid("signer"))
    keep_users(home, users, given)  # first: an interrupted farm finds its own users in its directory
    for place in _PLACES:
        _settle(home, place, users)


def bring_database(home: FarmHome, users: FarmUsers | None) -> None:
    """Move an SQLite database from its earlier place to a directory of its own."""
    home.sqlite.parent.mkdir(mode=0o700, exist_ok=True)
    if not (home.root / "farm.db").exists():
        return
    if home.sqlite.exists():
        raise FarmError(
            f"there are two databases: {home.sqlite}, and {home.root / 'farm.db'} from an earlier version",
            remedy="Move the one that is not to be used out of the farm's directory.",
            code="users",
        )
    for name in _SQLITE:
        path = home.root / name
        if not path.exists():
            continue
        if users is not None:
            path.chmod(0o660)
            os.chown(path, users.uid("control"), users.gid(STORE), follow_symlinks=False)
        path.rename(home.sqlite.with_name(name))


def hand_over_signing(home: FarmHome, users: FarmUsers) -> None:
    """Give the signer its keys, and the published files: new directories. Root may have made either."""
    uid, gid = users.uid("signer"), users.gid("signer")
    with _opened(home.root / "keys" / "online") as folder:
        for name in _names(folder, stat.S_ISREG):
            with _opened(name, folder, flags=0) as file:
                os.fchown(file, uid, gid)
    for place in ("metadata", "targets"):
        with _opened(home.public / place) as folder:
            _open_folders(folder, gid)
    with _opened(home.root / _LOCK, flags=os.O_CREAT) as lock:
        os.fchown(lock, uid, gid)


def _settle(home: FarmHome, place: _Place, users: FarmUsers) -> None:
    path = home.root / place.path
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    uid, gid = users.uid(place.owner), users.gid(place.group)
    # A link here is root's own, because the directories above belong to root alone.
    with _opened(path, follow=True) as folder:
        found = os.fstat(folder)
        if found.st_uid not in (0, uid):
            raise FarmError(
                f"{path} belongs to user {found.st_uid}, and not to the farm",
                remedy=f"If {home.users.name} was lost, restore it from a backup: it records the users of the farm. "
                f"Otherwise find out where these files come from, then run `chown -R root:root {path}`.",
                code="users",
            )
        # Its group is changed last: after that, its contents have changed owner.
        if found.st_gid != gid:
            _check_closed(path, found)
            _give(folder, place, users)
        _set_owner(folder, uid, gid, place.mode)


def _check_closed(path: Path, found: os.stat_result) -> None:
    """Refuse files that others could have put there: root would give away what was never theirs."""
    if found.st_mode & stat.S_IWOTH or (found.st_mode & stat.S_IWGRP and found.st_gid != 0):
        raise FarmError(
            f"users other than root can write to {path}: all users, or group {found.st_gid}",
            remedy=f"Check its contents, then remove the write permission: `chmod go-w {path}`.",
            code="users",
        )


def _give(folder: int, place: _Place, users: FarmUsers) -> None:
    if place.within is _Within.FILES:
        _give_files(folder, users.uid(place.writer), users.gid(place.group), place.mode)
    elif place.within is _Within.BLOBS:
        _give_blobs(folder, users.gid(place.group), place.mode)


def _give_files(folder: int, uid: int, gid: int, mode: int) -> None:
    """Change the owner of all contents of a directory. A file with another name elsewhere is left alone."""
    for name in _names(folder, stat.S_ISREG):
        with _opened(name, folder, flags=0) as file:
            if os.fstat(file).st_nlink == 1:
                os.fchown(file, uid, gid)
    for name in _names(folder, stat.S_ISDIR):
        with _opened(name, folder) as inner:
            _give_files(inner, uid, gid, mode)
            _set_owner(inner, 0, gid, mode)


def _give_blobs(folder: int, gid: int, mode: int) -> None:
    """Make all directories of a store of blobs in advance, and open those in which blobs are created.

    The others stay closed, so that root can write here too; files do not change.
    """
    open_mode = mode | stat.S_IWGRP
    for name in ("tmp", "partial"):
        with _made(name, folder) as inner:
            _set_owner(inner, 0, gid, open_mode)
    with _made("sha256", folder) as blobs:
        for shard in map("{:02x}".format, range(256)):
            with _made(shard, blobs) as inner:
                _set_owner(inner, 0, gid, open_mode)
        _set_owner(blobs, 0, gid, mode)


def _open_folders(folder: int, gid: int) -> None:
    """Let a group write to the directories below one that root has made; only root can have moved one there."""
    for name in _names(folder, stat.S_ISDIR):
        with _opened(name, folder) as inner:
            if os.fstat(inner).st_uid == 0:
                _set_owner(inner, 0, gid, 0o2775)
                _open_folders(inner, gid)


def _set_owner(folder: int, uid: int, gid: int, mode: int) -> None:
    os.fchown(folder, uid, gid)
    os.fchmod(folder, mode)


@contextmanager
def _made(name: str, folder: int) -> Iterator[int]:
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=folder)
    with _opened(name, folder) as made:
        yield made


@contextmanager
def _opened(
    path: str | Path, folder: int | None = None, *, flags: int = os.O_DIRECTORY, follow: bool = False
) -> Iterator[int]:
    """Open a directory or a file, without following a link unless `follow`."""
    kept_in = 0 if follow else os.O_NOFOLLOW
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags | kept_in, 0o644, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _names(folder: int, is_kind: Callable[[int], bool]) -> list[str]:
    """Return the names of the files, or of the directories, in a directory, without links."""
    return [
        name
        for name in sorted(os.listdir(folder))
        if is_kind(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    ]
