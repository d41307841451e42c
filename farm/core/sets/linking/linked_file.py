"""An ELF file as the dynamic loader will meet it: the facts of it that a proof reads, in the form it reads them in."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from farm.core.package.elf.facts import OBJECT, TLS
from farm.core.package.path_glob import matches
from farm.core.sets.members.search_path import Place, goes_by_origin, in_root, level_of, search_places, system_places

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from farm.core.package.elf.details import CopiedSymbol, DlopenNote
    from farm.core.package.elf.facts import ElfFacts, ImportGroup, Symbol
    from farm.core.package.facts import ElfFile
    from farm.core.sets.members.member import Member
    from farm.core.sets.members.opened_paths import OpenedPath

_NONE: frozenset[str] = frozenset()


class Spot(NamedTuple):
    """Where a loader finds something under `name`: in this directory of the root, and in this one of its package.

    `root` is empty, and `package` None, where it is not found so.
    """

    name: str
    root: str
    package: str | None

    @classmethod
    def at(cls, path: str, *, declared: bool = False) -> Spot:
        """Return that of a path in a package, or of a link in the root that it declares."""
        directory, name = posixpath.split(path)
        return cls(name, directory, None) if declared else cls(name, in_root(directory), directory)


@dataclass(frozen=True, slots=True, eq=False)
class LinkedFile:
    """One file of the member `owner`. Compared by identity, because it is a node of a graph.

    `soname` is what it calls itself (the file's name where it has none), `spots` are where the loader finds it, and
    `public` says that one of these needs no search path. `level` is the processor that it is made for, a directory of
    `glibc-hwcaps`, and empty for any. `runpath` are the places where it looks itself, `rpath` those where what it
    loads looks too; a file has one of these. A library that looks from its `$ORIGIN` is as many such values as there
    are directories that it can be opened in and look elsewhere from; those of them that are not `alone` are looked at
    only where a program of the set opens them. `bound` are the strong imports with a version, `loose` those without.

    Of what it exports, `exports` are the symbols of each version, `plain` those without one, which any import takes,
    `exported` those that an import without a version takes; `objects` and `threads` are the symbols that are variables,
    and thread-local ones. `versions` are what it defines, `demanded` what it needs of others, `sources` of whom.
    `loaders` are commands, where the file is a plugin.
    """

    owner: str
    path: str
    facts: ElfFacts
    soname: str
    spots: tuple[Spot, ...]
    public: bool
    alone: bool
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
    def origin(self) -> Place:
        """Where it lies for a path that begins with `$ORIGIN`: of a library, the first place where it is found."""
        if self.is_program or not self.spots[0].root:
            return Place(posixpath.dirname(self.path), self.owner)
        return Place(self.spots[0].root)

    @property
    def dlopen(self) -> tuple[DlopenNote, ...]:
        """What it says that it may open while it runs."""
        return self.facts.details.dlopen if self.facts.details else ()

    @property
    def only_at_start(self) -> bool:
        """Whether it refuses to be opened by a program that runs already."""
        return self.facts.details is not None and self.facts.details.only_at_start

    @property
    def copied(self) -> set[str]:
        """The names of what is copied into a program; in old facts that is all that it imports and exports."""
        if self.facts.details or not self.is_program:
            return {copy.name for copy in self.copies}
        imported = {name for group in self.facts.imported for name in group.names}
        return {name for group in self.facts.exported for name in imported.intersection(group.names)}

    @property
    def is_program(self) -> bool:
        """Whether it is started, and not loaded by another file."""
        return self.facts.is_program

    @property
    def refused(self) -> tuple[str, ...]:
        """Why the loader ends a program that needs it, where it does."""
        return self.facts.details.refused if self.facts.details else ()

    @property
    def names(self) -> set[str]:
        """What the loader finds it by."""
        return {spot.name for spot in self.spots}

    @property
    def key(self) -> tuple[str, tuple[Place, ...], tuple[Place, ...]]:
        """What tells it from the others of its package."""
        return self.path, self.runpath, self.rpath

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

    def stands_in_for(self, other: LinkedFile) -> bool:
        """Tell whether whatever has been proven to work with `other` works with this file too: it only gained."""
        return (
            self.needed == other.needed
            and self.runpath == other.runpath
            and self.rpath == other.rpath
            and self.spots == other.spots
            and self.alone == other.alone
            and self.machine == other.machine
            and self.level == other.level
            and self.refused == other.refused
            and self.versions >= other.versions
            and bool(self.versions) == bool(other.versions)
            and self.dlopen == other.dlopen
            and self.only_at_start == other.only_at_start
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
    links: dict[str, list[OpenedPath]] = {}
    for each in member.opened:
        if each.file:
            links.setdefault(each.file, []).append(each)
    return tuple(linked for file in member.facts.elf for linked in _linked(member, file, links.get(file.path, ())))


def spots_of(path: str, links: Iterable[OpenedPath]) -> tuple[Spot, ...]:
    """Return where a file is found, with the links that lead to it."""
    return (Spot.at(path), *(Spot.at(link.path, declared=link.declared) for link in links))


def spots_in(member: Member, file: ElfFile) -> tuple[Spot, ...]:
    """Return where a file of a member is found."""
    return spots_of(file.path, (each for each in member.opened if each.file == file.path))


def own_places(member: Member, file: ElfFile) -> set[Place]:
    """Return where a file of a member looks itself, wherever it is opened."""
    found = places_of(file.facts, file.path, spots_in(member, file), member.name)
    return {place for both in found for place in chain(*both)}


def places_of(
    facts: ElfFacts, path: str, spots: Iterable[Spot], owner: str
) -> dict[tuple[tuple[Place, ...], tuple[Place, ...]], tuple[Spot, ...]]:
    """Return the places of DT_RUNPATH and of DT_RPATH of a file, with the spots at which it is opened to look there."""
    if facts.is_program or not goes_by_origin(facts):
        return {search_places(facts, Place(posixpath.dirname(path), owner), owner): tuple(spots)}
    found: dict[tuple[tuple[Place, ...], tuple[Place, ...]], tuple[Spot, ...]] = {}
    for name, root, package in spots:
        for spot, origin in (
            (Spot(name, root, None), Place(root) if root else None),
            (Spot(name, "", package), None if package is None else Place(package, owner)),
        ):
            if origin is not None:
                places = search_places(facts, origin, owner)
                found[places] = (*found.get(places, ()), spot)
    return found


def _linked(member: Member, file: ElfFile, links: Sequence[OpenedPath]) -> Iterator[LinkedFile]:
    """Give a file as often as it differs by where it is opened."""
    path, facts = file
    level = level_of(posixpath.dirname(path), facts.machine)
    spots = spots_of(path, links)
    variants = places_of(facts, path, spots, member.name)
    system = {place.directory for place in system_places(posixpath.basename(path), facts.machine)}
    public = [any(spot.root in system for spot in at) for at in variants.values()]
    # Where nobody needs a path to find it, how it would be found otherwise is for those to tell who do so.
    alone = public if any(public) else [index == 0 for index in range(len(variants))]
    one = _without_places(member, file)
    for (places, at), is_public, is_alone in zip(variants.items(), public, alone, strict=True):
        yield replace(
            one,
            spots=at,
            public=is_public,
            alone=is_alone and level is not None,
            level=level or "",
            runpath=places[0],
            rpath=places[1],
        )


def _without_places(member: Member, file: ElfFile) -> LinkedFile:
    path, facts = file
    strong = [group for group in facts.imported if not group.weak]
    plain = _names(group.names for group in facts.exported if not group.version and not group.hidden)
    versioned = [group for group in facts.exported if group.version]
    plugins = member.descriptor.plugins
    return LinkedFile(
        owner=member.name,
        path=path,
        facts=facts,
        soname=facts.soname or posixpath.basename(path),
        spots=(),
        public=False,
        alone=True,
        level="",
        runpath=(),
        rpath=(),
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
