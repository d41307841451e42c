"""Scans a tree on disk that may be hostile: its entries, within limits, and what no FileSet can hold.

Follows no link, opens only directories, reads no file.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from farm.core.fileset import rules
from farm.core.fileset.manifest import Directory, Entry, File, Link, Manifest
from farm.core.fileset.refusal import Refusal
from farm.core.names.digest import ZEROS
from farm.store.errors import TreeChangedError, TreeProblem, UnfitTreeError
from farm.store.tree_reader import OpenDirectories

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOT_READ = ZEROS
"""Stands for the digest of a file that was found and not yet read; `capture_tree` replaces it."""

_SPECIAL_BITS = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX
_REFUSED_KINDS = {
    stat.S_IFCHR: Refusal.DEVICE,
    stat.S_IFBLK: Refusal.DEVICE,
    stat.S_IFIFO: Refusal.FIFO,
    stat.S_IFSOCK: Refusal.SOCKET,
}


@dataclass(frozen=True, slots=True)
class ScanLimits:
    """The limits of a tree: entries, bytes (as `ls -l` counts them), levels of directories."""

    entries: int = 200_000
    file_bytes: int = 4 << 30
    total_bytes: int = 16 << 30
    depth: int = 100


def scan_tree(
    root: Path | int,
    *,
    limits: ScanLimits | None = None,
    absolute_links: bool = False,
    leaves_out: Callable[[str], bool] = lambda _path: False,
) -> Manifest:
    """Return the tree under `root` (a directory or a descriptor of one); its digests are all `NOT_READ`.

    Hard links become separate files. Special bits are dropped from a directory, and refused for a file.
    `absolute_links` allows links to any target. Paths for which `leaves_out` returns true are skipped, with everything
    below them (the path of a directory ends with a slash). Raises `UnfitTreeError`, which lists every problem; the scan
    ends at the first exceeded limit.
    """
    scan = _Scan(limits or ScanLimits(), absolute_links=absolute_links, leaves_out=leaves_out)
    with OpenDirectories(root) as top:
        scan.directory(top.root, "", 0)
    scan.finish()
    return Manifest.of(scan.entries, absolute_links=absolute_links)


class _Scan:
    """The state of one scan: the entries and problems found."""

    def __init__(self, limits: ScanLimits, *, absolute_links: bool, leaves_out: Callable[[str], bool]) -> None:
        self._limits = limits
        self._leaves_out = leaves_out
        self._absolute_links = absolute_links
        self._bytes = 0
        self._seen = 0
        self.entries: list[Entry] = []
        self.problems: list[TreeProblem] = []

    def directory(self, descriptor: int, path: str, depth: int) -> None:
        """Scan everything in an open directory, and below."""
        below: list[str] = []
        with os.scandir(descriptor) as listing:
            for item in listing:
                inner = path + item.name
                if self._leaves_out(inner + "/" * item.is_dir(follow_symlinks=False)):
                    continue
                self._seen += 1
                if self._seen > self._limits.entries:
                    self._exceeded(inner, Refusal.TOO_MANY_ENTRIES)
                if fault := rules.path_fault(inner):
                    self._refuse(inner, fault)
                elif item.is_dir(follow_symlinks=False):
                    below.append(item.name)
                else:
                    self._leaf(descriptor, inner, item)
        for name in below:
            self._descend(descriptor, name, path + name, depth + 1)

    def _descend(self, above: int, name: str, path: str, depth: int) -> None:
        if depth > self._limits.depth:
            explanation = f"it lies more than {self._limits.depth} directories deep"
            self.problems.append(TreeProblem(path, "too-deep", explanation))
            return
        self.entries.append(Directory(path))
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
        except OSError as error:
            raise TreeChangedError(path, f"it was a directory ({error.strerror})") from error
        try:
            self.directory(descriptor, path + "/", depth)
        finally:
            os.close(descriptor)

    def _leaf(self, descriptor: int, path: str, item: os.DirEntry[str]) -> None:
        try:
            if item.is_symlink():
                self._link(path, os.readlink(item.name, dir_fd=descriptor))
            else:
                self._file(path, item.stat(follow_symlinks=False))
        except OSError as error:
            raise TreeChangedError(path, f"it can no longer be read ({error.strerror})") from error

    def _link(self, path: str, target: str) -> None:
        if fault := rules.link_fault(path, target, absolute=self._absolute_links):
            self.problems.append(TreeProblem(path, fault, f"{fault.explanation}: {target[:300]!r}"))
        else:
            self.entries.append(Link(path, target))

    def _file(self, path: str, status: os.stat_result) -> None:
        kind = stat.S_IFMT(status.st_mode)
        if kind != stat.S_IFREG:
            self._refuse(path, _REFUSED_KINDS.get(kind, Refusal.ENTRY_TYPE))
            return
        if status.st_mode & _SPECIAL_BITS:
            self._refuse(path, Refusal.SETUID)
            return
        if status.st_size > self._limits.file_bytes:
            self._exceeded(path, Refusal.FILE_TOO_LARGE)
        self._bytes += status.st_size
        if self._bytes > self._limits.total_bytes:
            self._exceeded(path, Refusal.TOTAL_TOO_LARGE)
        self.entries.append(File(path, status.st_size, NOT_READ, bool(status.st_mode & 0o111)))

    def _refuse(self, path: str, reason: Refusal) -> None:
        self.problems.append(TreeProblem(path, reason, reason.explanation))

    def _exceeded(self, path: str, reason: Refusal) -> NoReturn:
        self._refuse(path, reason)
        raise self._unfit()

    def _unfit(self) -> UnfitTreeError:
        return UnfitTreeError(tuple(sorted(self.problems, key=lambda problem: problem.path)))

    def finish(self) -> None:
        """Raise `UnfitTreeError` with the problems, if there are any."""
        if self.problems:
            raise self._unfit()
