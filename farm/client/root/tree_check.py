"""Comparing a directory with its manifest: every byte is read, no link is followed."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.fileset.manifest import Directory, File, Link
from farm.store.descriptors import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from farm.core.fileset.manifest import Entry, Manifest

_PIECE = 1 << 20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Opening a FIFO in a file's place would otherwise wait for a writer forever.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_SPECIAL = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX


@dataclass(frozen=True, slots=True, order=True)
class Deviation:
    """One path that differs: `what` is altered, missing or added, `how` says it in words."""

    path: str
    what: str
    how: str


def check_tree(root: Path, manifest: Manifest, seen: Callable[[int], None]) -> list[Deviation]:
    """Return what differs from the manifest under `root`, by path; `seen` is called with the number of bytes read."""
    expected = {entry.path: entry for entry in manifest.entries}
    try:
        descriptor = os.open(root, _DIRECTORY)
    except FileNotFoundError:
        return [Deviation("", "missing", "the directory is gone")]
    except OSError as error:
        return [Deviation("", "altered", f"it is not a directory that can be read ({error.strerror})")]
    check = _Check(expected, seen)
    try:
        found = list(check.directory(descriptor, ""))
    finally:
        os.close(descriptor)
    gone = [path for path in expected if path not in check.met]
    # The content of a missing directory is not reported path by path.
    tops = [path for path in gone if path.rpartition("/")[0] not in gone]
    return sorted([*found, *(Deviation(path, "missing", "it is gone") for path in tops)])


def check_entry(root: Path, entry: Entry) -> str:
    """Return how one entry under `root` differs from its manifest, empty where it does not.

    Of a directory, only the entry itself is compared.
    """
    *above, name = entry.path.split("/")
    try:
        with ExitStack() as stack:
            descriptor = stack.enter_context(opened(root, _DIRECTORY))
            for part in above:
                descriptor = stack.enter_context(opened(part, _DIRECTORY, dir_fd=descriptor))
            return _Check({}, lambda _size: None).how(descriptor, name, entry)
    except FileNotFoundError:
        return "it is gone"
    except OSError as error:
        return f"it cannot be read ({error.strerror})"


class _Check:
    """One comparison, which records the expected paths that were found."""

    def __init__(self, expected: dict[str, Entry], seen: Callable[[int], None]) -> None:
        self._expected = expected
        self._seen = seen
        self.met: set[str] = set()

    def directory(self, descriptor: int, base: str) -> Iterator[Deviation]:
        """Yield the deviations in an open directory, and below."""
        with os.scandir(descriptor) as items:
            names = sorted(item.name for item in items)
        for name in names:
            path = base + name
            entry = self._expected.get(path)
            if entry is None:
                yield Deviation(path, "added", "no package has it")
                continue
            self.met.add(path)
            try:
                if how := self.how(descriptor, name, entry):
                    yield Deviation(path, "altered", how)
                elif isinstance(entry, Directory):
                    yield from self._below(descriptor, name, path)
            except OSError as error:
                yield Deviation(path, "altered", f"it cannot be read ({error.strerror})")

    def _below(self, above: int, name: str, path: str) -> Iterator[Deviation]:
        with opened(name, _DIRECTORY, dir_fd=above) as descriptor:
            yield from self.directory(descriptor, f"{path}/")

    def how(self, descriptor: int, name: str, entry: Entry) -> str:
        """Return how something differs from its entry, empty where it does not."""
        status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        if isinstance(entry, Directory):
            return "" if stat.S_ISDIR(status.st_mode) else "it was a directory"
        if isinstance(entry, Link):
            if not stat.S_ISLNK(status.st_mode):
                return "it was a link"
            target = os.readlink(name, dir_fd=descriptor)
            return "" if target == entry.target else f"it leads to {target[:200]!r}, not to {entry.target!r}"
        if not stat.S_ISREG(status.st_mode):
            return "it was a file"
        return self._of_file(descriptor, name, entry, status)

    def _of_file(self, descriptor: int, name: str, entry: File, status: os.stat_result) -> str:
        if status.st_size != entry.size:
            return f"it has {status.st_size} bytes, not {entry.size}"
        if status.st_mode & _SPECIAL:
            return "its setuid, setgid or sticky bit is set"
        if bool(status.st_mode & 0o111) != entry.executable:
            return "it must be executable" if entry.executable else "it must not be executable"
        return "" if self._digits(descriptor, name) == entry.digest.hex else "its content differs"

    def _digits(self, above: int, name: str) -> str:
        hasher = hashlib.sha256()
        with opened(name, _FILE, dir_fd=above) as descriptor:
            while piece := os.read(descriptor, _PIECE):
                hasher.update(piece)
                self._seen(len(piece))
        return hasher.hexdigest()
