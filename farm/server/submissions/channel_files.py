"""What channels may follow: the files of recipes, and what the keys of targets have signed. Read again at each call."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, TypeAlias

from farm.core.files.document import MAXIMUM_BYTES
from farm.core.policy.curators import CURATORS
from farm.core.policy.owners import OWNERS
from farm.core.policy.policies import CHANNELS, Policies, is_channel, read_policies
from farm.errors import FarmError
from farm.trust.layout import METADATA
from farm.trust.metadata.delegation import channels_of
from farm.trust.metadata.repository import Repository
from farm.trust.metadata.signed_policy import policy_in_force, who_may_order

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from farm.trust.metadata.signed_policy import SignedPolicy

_NEWEST = f"{METADATA}/timestamp.json"

FileStamp: TypeAlias = tuple[str, int, int, int]
"""Path, inode, size and time of change of a file; zeros where there is none."""
Stamp: TypeAlias = tuple[FileStamp, ...]


class ChannelFiles:
    """The files of channels, curators and owners in a directory of recipes; a check for changes is one `stat` each."""

    def __init__(self, recipes: Path) -> None:
        self._recipes = recipes

    def stamp(self) -> Stamp:
        """Return a stamp that changes when a file does."""
        return tuple(stamp_of(self._recipes, path) for path in self._paths())

    def read(self) -> Policies:
        """Return the present content; a file that cannot be read is recorded as its channel's trouble."""
        files: dict[str, bytes] = {}
        unreadable: dict[str, str] = {}
        for path in self._paths():
            try:
                files[path] = self._read(path)
            except OSError as error:
                unreadable[path] = f"cannot be read: {error.strerror or error}"
        return read_policies(files, unreadable)

    def _paths(self) -> list[str]:
        folder = self._recipes / CHANNELS
        names = sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []
        channels = [f"{CHANNELS}/{name}" for name in names if not name.startswith(".")]
        found = [path for path in channels if is_channel(path)]
        return [*found, *(name for name in (CURATORS, OWNERS) if (self._recipes / name).exists())]

    def _read(self, path: str) -> bytes:
        file = self._recipes / path
        if not stat.S_ISREG(file.lstat().st_mode):
            raise OSError(None, "it is not a regular file", str(file))
        with file.open("rb") as opened:
            # One byte beyond the limit, so that the reader refuses it.
            return opened.read(MAXIMUM_BYTES + 1)


def stamp_of(folder: Path, path: str) -> FileStamp:
    """Return a stamp that changes when the file at a path below `folder` does."""
    try:
        found = (folder / path).lstat()
    except OSError:
        return path, 0, 0, 0
    return path, found.st_ino, found.st_size, max(found.st_mtime_ns, found.st_ctime_ns)


class SignedTargets:
    """What the keys of targets have signed, read from the published directory at each call."""

    def __init__(self, repository: Path) -> None:
        self._repository = Repository(repository)

    def stamp(self) -> FileStamp:
        """Return a stamp that changes with each signature."""
        return stamp_of(self._repository.root, _NEWEST)

    def channels(self) -> tuple[str, ...] | None:
        """Return the channels for which a role signs; None if the repository cannot be read."""
        try:
            return channels_of(self._repository.head().targets)
        except FarmError:
            return None

    def who_orders(self) -> Mapping[str, str] | None:
        """Return the people whose orders count: public keys by name; None without a signed policy.

        Raises `FarmError` if it cannot be read.
        """
        policy = policy_in_force(self._repository)
        return None if policy is None else who_may_order(self._repository.builders(), policy)

    def policy(self) -> SignedPolicy | None:
        """Return the signed policy, None if there is none. Raises `FarmError` if it cannot be read."""
        policy = policy_in_force(self._repository)
        if policy:
            _ = policy.policies  # read now, so that an error in its files is raised here
        return policy
