"""An ELF file as the dynamic loader will meet it: the facts of it that a proof reads, in the form it reads them in."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from itertools import chain, repeat
from typing import TYPE_CHECKING

from farm.package import matches

if TYPE_CHECKING:
    from farm.compat.member import Member
    from farm.package import ElfFile

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class LinkedFile:
    """One file of the member `owner`. Compared by identity, because it is a node of a graph.

    `soname` is what others need it by (the file's name where it has none), `public` that the loader finds it without
    a search path. `search` are directories of the package layout. `bound` are the strong imports with a version, by
    the soname that the file binds them to; `loose` those without. `exports` are (symbol, version), `exported` the
    symbols alone. `loaders` are commands, where the file is a plugin.
    """

    owner: str
    path: str
    soname: str
    public: bool
    machine: str
    needed: tuple[str, ...]
    search: frozenset[str]
    bound: tuple[tuple[str, tuple[Pair, ...]], ...]
    loose: tuple[str, ...]
    exports: frozenset[Pair]
    exported: frozenset[str]
    versions: frozenset[str]
    demanded: tuple[Pair, ...]
    loaders: tuple[str, ...]

    @property
    def directory(self) -> str:
        """Where it lies in its package."""
        return posixpath.dirname(self.path)

    def stands_in_for(self, other: LinkedFile) -> bool:
        """Tell whether whatever has been proven to work with `other` works with this file too: it only gained."""
        return (
            self.needed == other.needed
            and self.search == other.search
            and self.public == other.public
            and self.soname == other.soname
            and self.machine == other.machine
            and self.versions >= other.versions
            and bool(self.versions) == bool(other.versions)
            and self.exports >= other.exports
        )


def linked_files(member: Member, pool: dict[Pair, Pair]) -> tuple[LinkedFile, ...]:
    """Return the ELF files of a member. Equal pairs are shared through `pool`: sets are big, and import the same."""
    return tuple(_linked(member, file, pool) for file in member.facts.elf)


def _linked(member: Member, file: ElfFile, pool: dict[Pair, Pair]) -> LinkedFile:
    path, facts = file
    bound: dict[str, list[Pair]] = {}
    loose: list[str] = []
    for library, version, weak, names, _ in facts.imported:
        if weak:
            continue
        if version:
            bound.setdefault(library, []).extend(pool.setdefault(pair, pair) for pair in zip(names, repeat(version)))
        else:
            loose.extend(names)
    soname = facts.soname or posixpath.basename(path)
    plugins = member.descriptor.plugins
    return LinkedFile(
        owner=member.name,
        path=path,
        soname=soname,
        public=f"soname:{soname}" in member.descriptor.provides,
        machine=facts.machine,
        needed=facts.needed,
        search=frozenset(_in_package(entry, path) for entry in facts.runpath or facts.rpath),
        bound=tuple((library, tuple(pairs)) for library, pairs in bound.items()),
        loose=tuple(loose),
        exports=frozenset(chain.from_iterable(zip(names, repeat(version)) for version, names, *_ in facts.exported)),
        exported=frozenset(chain.from_iterable(names for _, names, *_ in facts.exported)),
        versions=frozenset(facts.version_definitions),
        demanded=tuple((need.library, need.version) for need in facts.version_needs if not need.weak),
        loaders=tuple(sorted({plugin.loader for plugin in plugins if matches(plugin.path, path)})),
    )


def _in_package(entry: str, path: str) -> str:
    here = entry.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", f"/usr/{posixpath.dirname(path)}")
    return posixpath.normpath(here).removeprefix("/usr/").lstrip("/")
