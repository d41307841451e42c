"""An ELF file as the dynamic loader sees it: where it is found, where it searches for others, and what it exports."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from farm.core.names.root_places import in_root
from farm.core.package.elf.details import ElfDetails
from farm.core.package.elf.facts import OBJECT, TLS, Symbol
from farm.core.package.path_glob import matches
from farm.core.sets.members.search_path import Place, goes_by_origin, level_of, search_places, system_places

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from farm.core.package.elf.facts import ElfFacts, ImportGroup
    from farm.core.package.facts import ElfFile
    from farm.core.sets.members.member import Member, OpenedPath


_NONE: frozenset[str] = frozenset()
_NO_DETAILS = ElfDetails()
_UNCHANGED = ("needed", "runpath", "rpath", "spots", "alone", "machine", "level")
"""What must be the same in a file that replaces another."""


class FoundPlace(NamedTuple):
    """Where a loader finds something under `name`: in the directory `root` of the root, and `package` of its package.

    `root` is empty, and `package` None, where the loader does not find it that way.
    """

    name: str
    root: str
    package: str | None

    @classmethod
    def at(cls, path: str, *, declared: bool = False) -> FoundPlace:
        """Return the spot of a path in a package, or of a link in the root that the package declares."""
        directory, name = posixpath.split(path)
        return cls(name, directory, None) if declared else cls(name, in_root(directory), directory)


@dataclass(frozen=True, slots=True, eq=False)
class LinkedFile:
    """One file of the member `owner`. Compared by identity, because it is a node of a graph.

    `soname` is its DT_SONAME, or else the name of the file; `spots` are where the loader finds it; `public` says that
    one of these needs no search path. `level` is the processor level that it is made for, a directory of
    `glibc-hwcaps`, and empty for any. `runpath` are the places that it searches itself, `rpath` those that the files it
    loads search too; a file has one of the two. A library with `$ORIGIN` in its search path becomes one such value for
    each directory with other search places; those that are not `alone` are proven only where a program of the set opens
    them. `bound` are the strong imports with a version, `loose` those without.

    `exports` are the exported symbols by version, `plain` those without one, which any import takes, `exported` those
    that an import without a version takes; `objects` and `threads` are the variables and the thread-local variables.
    `versions` are those that it defines, `demanded` those that it needs of other libraries, which are `sources`.
    `loaders` are the commands that load the file, where it is a plugin.
    """

    owner: str
    path: str
    facts: ElfFacts
    soname: str
    spots: tuple[FoundPlace, ...]
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
    def is_program(self) -> bool:
        """Whether it is started, and not loaded by another file."""
        return self.facts.is_program

    @property
    def details(self) -> ElfDetails:
        """What facts say of it since format 2; older facts say nothing."""
        return self.facts.details or _NO_DETAILS

    @property
    def needed(self) -> tuple[str, ...]:
        """The names of the libraries that are loaded with it, those that it is a filter for included."""
        details = self.facts.details
        return (*self.facts.needed, *details.filters) if details and details.filters else self.facts.needed

    @property
    def loaded_names(self) -> tuple[str, ...]:
        """The names that a loader looks for because of it, those that may be absent included."""
        details = self.facts.details
        return (*self.needed, *details.auxiliaries) if details and details.auxiliaries else self.needed

    @property
    def library_names(self) -> Iterator[str]:
        """The names of all libraries that it loads, or may open while it runs."""
        yield from self.loaded_names
        for note in self.details.dlopen:
            yield from note.sonames

    @property
    def names(self) -> set[str]:
        """The names under which the loader finds it."""
        return {spot.name for spot in self.spots}

    @property
    def all_names(self) -> set[str]:
        """The names under which the loader finds it, and its soname."""
        return {*self.names, self.soname}

    @property
    def key(self) -> tuple[str, tuple[Place, ...], tuple[Place, ...]]:
        """What distinguishes it from the other files of its package."""
        return self.path, self.runpath, self.rpath

    @property
    def display_name(self) -> str:
        """Its soname for people, with the level of processors that it is for, if it is for one."""
        return f"{self.soname} ({self.level})" if self.level else self.soname

    @property
    def origin(self) -> Place:
        """The directory that `$ORIGIN` stands for: of a library, the first place where it is found."""
        if self.is_program or not self.spots[0].root:
            return Place(posixpath.dirname(self.path), self.owner)
        return Place(self.spots[0].root)

    @property
    def copied(self) -> set[str]:
        """The names of what is copied into a program; by old facts that is all that it imports and exports."""
        if self.facts.details or not self.is_program:
            return {copy.name for copy in self.details.copies}
        imported = {name for group in self.facts.imported for name in group.names}
        return {name for group in self.facts.exported for name in imported.intersection(group.names)}

    def satisfies(self, name: str, version: str) -> bool:
        """Return whether an import of `name`, of a `version` or of none (empty), takes an export of this file."""
        if not version:
            return name in self.exported
        return name in self.exports.get(version, _NONE) or name in self.plain

    def satisfied(self, names: Iterable[str], version: str) -> set[str]:
        """Return those of the imports of one version, or of none, that take an export of this file."""
        if not version:
            return set(self.exported.intersection(names))
        names = set(names)
        return {*self.exports.get(version, _NONE).intersection(names), *self.plain.intersection(names)}

    def definition(self, name: str, version: str) -> Symbol | None:
        """Return the export that an import takes, by the rules of glibc's `check_match` (elf/dl-lookup.c).

        An import with a version takes the export of exactly that, hidden or not, else one without a version that is not
        hidden, whatever else has that name: only imports without a version count what they find (`num_versions`).
        An import without a version takes an export of the first versions (index 0 to 2) even when it is hidden; of
        later ones the one that is not hidden, if there is only one.
        """
        second: list[Symbol] = []
        for group in self.facts.exported:
            if name not in group.names:
                continue
            size = group.sizes[group.names.index(name)] if group.sizes else 0
            symbol = Symbol(name, group.version, *group[2:-1], size)
            if (group.version == version) if version else not group.later:
                return symbol
            if not group.hidden and (not version or not group.version):
                second.append(symbol)
        # Of several without a version the linker takes the first in its hash table, whose order facts do not hold.
        return second[0] if second and (version or len(second) == 1) else None

    def can_replace(self, other: LinkedFile) -> bool:
        """Return whether all that was proven to work with `other` works with this file too, which only gained."""
        return (
            all(getattr(self, name) == getattr(other, name) for name in _UNCHANGED)
            and self.details.refused == other.details.refused
            and self.details.dlopen == other.details.dlopen
            and self.details.only_at_start == other.details.only_at_start
            and self.versions >= other.versions
            and bool(self.versions) == bool(other.versions)
            and self._exports_all_of(other)
        )

    def _exports_all_of(self, other: LinkedFile) -> bool:
        """Return whether each export is as it was, of the same class, size and visibility."""
        if self.facts.exported == other.facts.exported:
            return True
        return set(self.facts.exports) >= set(other.facts.exports) and (self.facts.details is None) == (
            other.facts.details is None
        )

    def gained_over(self, other: LinkedFile) -> set[Symbol]:
        """Return what this file exports and `other`, which it can replace, does not."""
        if self.facts.exported == other.facts.exported:
            return set()
        return set(self.facts.exports) - set(other.facts.exports)


def linked_files(member: Member) -> tuple[LinkedFile, ...]:
    """Return the ELF files of a member."""
    links: dict[str, list[OpenedPath]] = {}
    for link in member.opened:
        if link.file:
            links.setdefault(link.file, []).append(link)
    return tuple(linked for file in member.facts.elf for linked in _linked(member, file, links.get(file.path, ())))


def spots_of(path: str, links: Iterable[OpenedPath]) -> tuple[FoundPlace, ...]:
    """Return where a file is found, with the links that lead to it."""
    return (FoundPlace.at(path), *(FoundPlace.at(link.path, declared=link.declared) for link in links))


def spots_in(member: Member, file: ElfFile) -> tuple[FoundPlace, ...]:
    """Return where a file of a member is found."""
    return spots_of(file.path, (link for link in member.opened if link.file == file.path))


def own_places(member: Member, file: ElfFile) -> set[Place]:
    """Return where a file of a member looks for libraries, wherever it is opened."""
    found = places_of(file.facts, file.path, spots_in(member, file), member.name)
    return set(chain.from_iterable(chain.from_iterable(found)))


def places_of(
    facts: ElfFacts, path: str, spots: Iterable[FoundPlace], owner: str
) -> dict[tuple[tuple[Place, ...], tuple[Place, ...]], tuple[FoundPlace, ...]]:
    """Return the places of DT_RUNPATH and of DT_RPATH of a file, with the spots from which it looks there."""
    if facts.is_program or not goes_by_origin(facts):
        return {search_places(facts, Place(posixpath.dirname(path), owner), owner): tuple(spots)}
    found: dict[tuple[tuple[Place, ...], tuple[Place, ...]], tuple[FoundPlace, ...]] = {}
    for name, root, package in spots:
        for spot, origin in (
            (FoundPlace(name, root, None), Place(root) if root else None),
            (FoundPlace(name, "", package), None if package is None else Place(package, owner)),
        ):
            if origin is not None:
                places = search_places(facts, origin, owner)
                found[places] = (*found.get(places, ()), spot)
    return found


def _linked(member: Member, file: ElfFile, links: Sequence[OpenedPath]) -> Iterator[LinkedFile]:
    """Yield a file once for each way in which it looks for libraries, depending on where it is opened."""
    path, facts = file
    level = level_of(posixpath.dirname(path), facts.machine)
    spots = spots_of(path, links)
    variants = places_of(facts, path, spots, member.name)
    system = {place.directory for place in system_places(posixpath.basename(path), facts.machine)}
    public = [any(spot.root in system for spot in at) for at in variants.values()]
    # Where a file is found without a search path, its other places are proven with the programs that look there.
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

    These are all of the first versions, hidden or not, and of the later ones those that only one version exports.
    """
    first = _names(group.names for group in facts.exported if not group.later)
    once: set[str] = set()
    twice: set[str] = set()
    for group in facts.exported:
        if group.later and not group.hidden:
            twice.update(once.intersection(group.names))
            once.update(group.names)
    return first | (once - twice)
