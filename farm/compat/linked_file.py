"""An ELF file as the dynamic loader will meet it: the facts of it that a proof reads, in the form it reads them in."""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_left
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from farm.package import matches
from farm.package.elf_details import EXECUTABLE, PIE
from farm.package.elf_facts import OBJECT, TLS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from farm.compat.member import Member
    from farm.package import CopiedSymbol, ElfFacts, ElfFile, ImportGroup, Symbol

_NONE: frozenset[str] = frozenset()
_VARIANT = re.compile(r"(.+)/glibc-hwcaps/([^/]+)")
# `$PLATFORM` depends on the processor; this is what it is at least.
_TOKEN = re.compile(r"\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM))")


class Place(NamedTuple):
    """A directory where the loader looks, of the package layout; where `owner` is given, within this member alone."""

    directory: str
    owner: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class LinkedFile:
    """One file of the member `owner`. Compared by identity, because it is a node of a graph.

    `soname` is what others need it by (the file's name where it has none), `names` what the loader finds it by,
    `public` that this needs no search path. `level` is the processor that it is made for, a directory of
    `glibc-hwcaps`, and empty for any. `runpath` are the places where it looks itself, `rpath` those where what it
    loads looks too; a file has one of these. `bound` are the strong imports with a version, `loose` those without.

    Of what it exports, `exports` are the symbols of each version, `plain` those without one, which any import takes,
    `exported` those that an import without a version takes; `objects` and `threads` are the symbols that are variables,
    and thread-local ones. `versions` are what it defines, `demanded` what it needs of others, `sources` of whom.
    `loaders` are commands, where the file is a plugin.
    """

    owner: str
    path: str
    facts: ElfFacts
    soname: str
    names: tuple[str, ...]
    public: bool
    level: str
    runpath: tuple[Place, ...]
    rpath: tuple[Place, ...]
    bound: tuple[ImportGroup, ...]
    loose: tuple[str, ...]
    exports: Mapping[str, frozenset[str]]
    plain: frozenset[str]
    exported: frozenset[str]
    objects: frozenset[str]
    threads: frozenset[str]
    versions: frozenset[str]
    demanded: tuple[tuple[str, str], ...]
    sources: frozenset[str]
    loaders: tuple[str, ...]

    @property
    def machine(self) -> str:
        """The machine that it runs on."""
        return self.facts.machine

    @property
    def needed(self) -> tuple[str, ...]:
        """The names of the libraries that are loaded with it; one that it is a filter for is as good as needed."""
        details = self.facts.details
        return (*self.facts.needed, *details.filters) if details and details.filters else self.facts.needed

    @property
    def copies(self) -> tuple[CopiedSymbol, ...]:
        """The variables of libraries that are copied into it."""
        return self.facts.details.copies if self.facts.details else ()

    @property
    def is_program(self) -> bool:
        """Whether it is started, and not loaded by another file. Facts of format 1 leave that to be guessed at."""
        if self.facts.details:
            return self.facts.details.kind in {EXECUTABLE, PIE}
        return bool(self.facts.interpreter) and not self.facts.soname

    @property
    def interposes(self) -> bool:
        """Whether it is a program that exports symbols: libraries that import these take them from it."""
        return bool(self.plain) and self.is_program

    @property
    def all_names(self) -> set[str]:
        """What it is or was found by, or others ask for it by."""
        return {*self.names, self.soname}

    @property
    def has_auxiliaries(self) -> bool:
        """Whether it names libraries that may stand in for it where they are there."""
        return bool(self.facts.details and self.facts.details.auxiliaries)

    @property
    def told(self) -> str:
        """How people are told of it: by its soname, and for which processors it is where that is said."""
        return f"{self.soname} ({self.level})" if self.level else self.soname

    @property
    def only_search_path(self) -> bool:
        """Whether what it needs is not looked for in the loader's own directories."""
        return self.facts.details is not None and self.facts.details.only_search_path

    @property
    def directory(self) -> str:
        """Where it lies in its package, or would if it were made for any processor."""
        directory = posixpath.dirname(self.path)
        variant = _VARIANT.fullmatch(directory)
        return variant[1] if variant else directory

    def stands_in_for(self, other: LinkedFile) -> bool:
        """Tell whether whatever has been proven to work with `other` works with this file too: it only gained."""
        return (
            self.needed == other.needed
            and self.runpath == other.runpath
            and self.rpath == other.rpath
            and self.public == other.public
            and self.names == other.names
            and self.machine == other.machine
            and self.level == other.level
            and self.versions >= other.versions
            and bool(self.versions) == bool(other.versions)
            and self._exports_all_of(other)
        )

    def _exports_all_of(self, other: LinkedFile) -> bool:
        """Tell whether each export is there as it was, of the same class, size and visibility."""
        if self.facts.exported == other.facts.exported:
            return True
        return set(self.facts.exports) >= set(other.facts.exports) and (self.facts.details is None) == (
            other.facts.details is None
        )

    def gained_over(self, other: LinkedFile) -> set[Symbol]:
        """Return what this file exports besides what `other` does, which it stands in for."""
        if self.facts.exported == other.facts.exported:
            return set()
        return set(self.facts.exports) - set(other.facts.exports)


def linked_files(member: Member) -> tuple[LinkedFile, ...]:
    """Return the ELF files of a member."""
    public = set(_public_paths(member))
    return tuple(_linked(member, file, public=file.path in public) for file in member.facts.elf)


def _public_paths(member: Member) -> Iterator[str]:
    """Give the files that stand for the sonames that a member provides."""
    found: dict[str, list[str]] = {}
    for path, facts in member.facts.elf:
        soname = facts.soname or posixpath.basename(path)
        if "/glibc-hwcaps/" not in path and f"soname:{soname}" in member.descriptor.provides:
            found.setdefault(soname, []).append(path)
    for paths in found.values():
        # Where it lies elsewhere, a link leads there.
        yield from [path for path in paths if posixpath.dirname(path) == "lib"] or paths


def _linked(member: Member, file: ElfFile, *, public: bool) -> LinkedFile:
    path, facts = file
    strong = [group for group in facts.imported if not group.weak]
    soname = facts.soname or posixpath.basename(path)
    variant = _VARIANT.fullmatch(posixpath.dirname(path))
    runpath, rpath = search_places(facts, member.name, path)
    plain = _names(group.names for group in facts.exported if not group.version and not group.hidden)
    versioned = [group for group in facts.exported if group.version]
    plugins = member.descriptor.plugins
    return LinkedFile(
        owner=member.name,
        path=path,
        facts=facts,
        soname=soname,
        names=(soname,) if public else tuple(_private_names(member, path, soname)),
        public=public,
        level=variant[2] if variant else "",
        runpath=runpath,
        rpath=rpath,
        bound=tuple(group for group in strong if group.version),
        loose=tuple(chain.from_iterable(group.names for group in strong if not group.version)),
        exports={
            version: _names(group.names for group in versioned if group.version == version)
            for version in {group.version for group in versioned}
        },
        plain=plain,
        exported=_taken_without_version(facts) if versioned or any(group.hidden for group in facts.exported) else plain,
        objects=_names(group.names for group in facts.exported if group.symbol_class == OBJECT),
        threads=_names(group.names for group in facts.exported if group.symbol_class == TLS),
        versions=frozenset(facts.version_definitions),
        demanded=tuple((need.library, need.version) for need in facts.version_needs if not need.weak),
        sources=frozenset(need.library for need in facts.version_needs),
        loaders=tuple(sorted({plugin.loader for plugin in plugins if matches(plugin.path, path)})),
    )


def _names(groups: Iterable[tuple[str, ...]]) -> frozenset[str]:
    return frozenset(chain.from_iterable(groups)) or _NONE


def _taken_without_version(facts: ElfFacts) -> frozenset[str]:
    """Return the symbols that an import without a version finds.

    These are all of the first versions, hidden or not, and of the later ones what is not hidden, if it is one alone.
    """
    first = _names(group.names for group in facts.exported if not group.later)
    once: set[str] = set()
    twice: set[str] = set()
    for group in facts.exported:
        if group.later and not group.hidden:
            twice.update(once.intersection(group.names))
            once.update(group.names)
    return first | (once - twice)


def _private_names(member: Member, path: str, soname: str) -> Iterator[str]:
    """Give the names under which the loader finds a file in its directory: its own, and its soname if a link has it."""
    directory, name = posixpath.split(path)
    yield name
    if soname != name:
        link = f"usr/{directory}/{soname}"
        position = bisect_left(member.links, link)
        if member.links[position : position + 1] == (link,):
            yield soname


def search_places(facts: ElfFacts, owner: str, path: str) -> tuple[tuple[Place, ...], tuple[Place, ...]]:
    """Return the places that DT_RUNPATH and DT_RPATH lead to; the second counts only where there is no first."""
    runpath = tuple(place for entry in facts.runpath for place in _places(entry, facts, owner, path))
    rpath = tuple(place for entry in facts.rpath for place in _places(entry, facts, owner, path))
    return (runpath, ()) if facts.runpath else ((), rpath)


def _places(entry: str, facts: ElfFacts, owner: str, path: str) -> Iterator[Place]:
    """Give where an entry leads: nowhere that is known if it is empty or relative.

    The origin of a program is in the directory of its package, because the kernel follows the link to it; that of a
    library where the loader has found it.
    """
    # As the C library of Debian has it, which the distribution's is made of.
    known = {"ORIGIN": f"/usr/{posixpath.dirname(path)}", "LIB": f"lib/{facts.machine}-linux-gnu"}
    known["PLATFORM"] = facts.machine
    expanded = _TOKEN.sub(lambda match: known[match[1] or match[2]], entry)
    if expanded.startswith("/"):
        program = facts.details.kind in {EXECUTABLE, PIE} if facts.details else not facts.soname
        yield Place(package_directory(expanded), owner if program and "ORIGIN" in entry else "")


def package_directory(path: str) -> str:
    """Return where an absolute directory of the root lies in the package layout."""
    return posixpath.normpath(path).lstrip("/").removeprefix("usr/")
