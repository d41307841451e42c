"""Names that more than one file of a set exports: only they make the order matter in which files are loaded.

Few files export any, so nearly all programs are skipped by comparing sets. A name stays shared when one of its files is
removed: too many names cost time, but not correctness, because the loaded files are then checked in detail.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farm.core.sets.linking.linked_file import LinkedFile

# What a linker puts into every file, and C++ templates, tables and inline functions, of which each user has a copy:
# these are meant to be one.
_MEANT = re.compile(
    r"_init|_fini|_start|_?edata|_?end|_?_?data_start|__bss_start(?:__)?|_IO_stdin_used|__dso_handle|__TMC_END__"
    r"|_DYNAMIC|_GLOBAL_OFFSET_TABLE_|_Z(?:T[A-Za-z]|G[VR]|N?K?S[tabsiod]).*|_Z.*I.+E.*"
)
_NONE: frozenset[str] = frozenset()


class SharedNames:
    """Counts how many files export a name, up to two. Mutable, as the indexes are."""

    __slots__ = ("_known", "_once", "_open", "_shared", "_twice", "_versions_once", "_versions_twice")

    def __init__(self) -> None:
        self._once: set[str] = set()
        self._twice: set[str] = set()
        # Those that an import of any version takes, or that are imported without one.
        self._open: set[str] = set()
        self._shared: set[str] = set()
        self._versions_once: set[str] = set()
        self._versions_twice: set[str] = set()
        # What `of` has found since the last change.
        self._known: dict[LinkedFile, frozenset[str]] = {}

    def add(self, files: Iterable[LinkedFile]) -> None:
        """Add the files of a member."""
        self._known = {}
        for file in _distinct(files):
            names, loose = _exported(file), set(file.loose)
            again = names & self._once
            self._once |= names
            self._twice |= again
            self._open |= file.plain
            self._open |= loose
            self._versions_twice |= self._versions_once.intersection(file.exports)
            self._versions_once.update(file.exports)
            candidates = ((again & self._open) | (loose & self._twice)) - self._shared
            self._shared.update(name for name in candidates if not _MEANT.fullmatch(name))

    def remove(self, files: Iterable[LinkedFile]) -> None:
        """Remove the files of a member."""
        self._known = {}
        for file in _distinct(files):
            self._once -= _exported(file) - self._twice
            self._versions_once -= file.exports.keys() - self._versions_twice

    def among(self, names: Iterable[str]) -> set[str]:
        """Return those of the names that an import may find in two files."""
        several = self._twice if self._versions_twice else self._shared
        return {name for name in several.intersection(names) if not _MEANT.fullmatch(name)}

    def __bool__(self) -> bool:
        return bool(self._shared or self._versions_twice)

    def of(self, file: LinkedFile) -> frozenset[str]:
        """Return the shared names that a file exports."""
        known = self._known.get(file)
        if known is None:
            names = self._shared & _exported(file)
            for version in file.exports.keys() & self._versions_twice:
                # A version has a symbol of its own name in each library that defines it.
                names |= self.among(file.exports[version]) - {version}
            known = self._known[file] = frozenset(names) or _NONE
        return known


def _exported(file: LinkedFile) -> frozenset[str]:
    """Return all names that a file exports; a program's copied variables belong to the library."""
    names = file.plain.union(file.exported, *file.exports.values()) if file.exports else file.exported | file.plain
    return names - file.copied if file.is_program else names


def _distinct(files: Iterable[LinkedFile]) -> Iterator[LinkedFile]:
    """Yield each file once, however many variants it has by where it looks for libraries."""
    yield from {file.path: file for file in files}.values()
