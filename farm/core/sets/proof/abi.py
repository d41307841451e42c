"""The library builds that must be compared to know that a set keeps its interfaces. Pure.

A file loads the library in the set; it was compiled against the one in its build. If these are not the same file, equal
symbols do not prove that they mean the same. In both cases the library is the file that the dynamic loader would take,
in any package.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from farm.core.sets.linking.library_index import LibraryIndex, last_part
from farm.core.sets.linking.linked_file import LinkedFile, linked_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from farm.core.names.digest import Digest
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.trial import TrialSet


class Shortage(StrEnum):
    """Why a library cannot be compared."""

    IMPORTED_LIBRARY = "foreign-library"
    IMPORTED_DEPENDENT = "foreign-dependent"
    GONE = "gone"  # the build had a package that this farm no longer has
    NOT_IN_BUILD = "not-in-build"  # no package in the build had a library of that name


@dataclass(frozen=True, slots=True, order=True)
class LibraryFile:
    """A file of the package `package`, by short name, in one of its builds."""

    package: str
    tree: Digest
    path: str


@dataclass(frozen=True, slots=True, order=True)
class LibraryPair:
    """A library by the name that others need: the file that a dependent was built against, and the one in the set."""

    soname: str
    before: LibraryFile
    after: LibraryFile


@dataclass(frozen=True, slots=True, order=True)
class Unpaired:
    """A library of the member `provider` that `dependent` loads and that cannot be compared."""

    soname: str
    provider: str
    shortage: Shortage
    dependent: str


@dataclass(frozen=True, slots=True)
class Pairing:
    """The pairs to compare, with the dependents that they concern, and what cannot be compared; all sorted."""

    pairs: Mapping[LibraryPair, tuple[str, ...]]
    unpaired: tuple[Unpaired, ...]


@dataclass(slots=True)
class LinkedFiles:
    """The files of members as the loader meets them, computed once for each build."""

    _files: dict[Digest, tuple[LinkedFile, ...]] = field(default_factory=dict)
    _names: dict[Digest, frozenset[str]] = field(default_factory=dict)

    def of(self, member: Member) -> tuple[LinkedFile, ...]:
        """Return the files of a member."""
        digest = member.descriptor.digest
        if digest not in self._files:
            self._files[digest] = linked_files(member)
        return self._files[digest]

    def names(self, member: Member) -> frozenset[str]:
        """Return the names under which the loader finds them."""
        digest = member.descriptor.digest
        if digest not in self._names:
            self._names[digest] = frozenset(name for file in self.of(member) for name in file.names)
        return self._names[digest]

    def loads(self, member: Member) -> Iterator[Load]:
        """Yield what the files need or may open, each name once for each file."""
        for file in self.of(member):
            for soname in dict.fromkeys(file.library_names):
                yield Load(member, file, soname)


@dataclass(frozen=True, slots=True)
class Load:
    """A file of the member `dependent` needs, or may open, a library of this name."""

    dependent: Member
    file: LinkedFile
    soname: str

    def found(self, trial: TrialSet) -> Iterator[LinkedFile]:
        """Yield the library of another member that is loaded, and those that are loaded on better processors."""
        seen: list[LinkedFile] = []
        for level in ("", *trial.libraries.levels_above(self.file)):
            library = trial.libraries.find(self.soname, self.file, level=level)
            if library is not None and library not in seen and library.owner != self.dependent.name:
                seen.append(library)
                yield library


@dataclass(frozen=True, slots=True)
class BuildRoot:
    """The packages that a member was built with; unless `complete`, there were others that are no longer known.

    `given` returns whether the toolchain had the files of a member of the set. `others` are the roots of earlier builds
    that gave the same files: the member fits the libraries of any of them.
    """

    members: tuple[Member, ...]
    files: LinkedFiles
    complete: bool = True
    given: Callable[[Member], bool] = lambda _: False
    others: tuple[BuildRoot, ...] = ()

    def find(self, load: Load, level: str) -> LibraryFile | None:
        """Return the file that a load was linked with, and that would be loaded on this processor level."""
        name = last_part(load.soname)
        index = LibraryIndex(lambda names: names, self._having)
        having = {member.name: member for member in self.members if name in self.files.names(member)}
        for member in having.values():
            index.add(member, self.files.of(member))
        found = index.find(load.soname, load.file, level=level)
        return library_file(having[found.owner], found) if found else None

    def _having(self, directory: str) -> set[str]:
        return {member.name for member in self.members if directory in member.directories}


def loads_touched(
    trial: TrialSet, changes: Mapping[str, Member | None], base: Mapping[str, Member], files: LinkedFiles
) -> Iterator[Load]:
    """Yield the loads of changed members, and those of others by the name of a changed member's library.

    Such a name may be one that one member had in the base, and another member has now.
    """
    changed = changes.keys() & trial.members.keys()
    for name in sorted(changed):
        yield from files.loads(trial.members[name])
    versions = (member for name in changes for member in (trial.members.get(name), base.get(name)) if member)
    users: defaultdict[str, set[str]] = defaultdict(set)
    for library in {name for member in versions for name in files.names(member)}:
        for user in trial.libraries.needing(library):
            users[user].add(library)
    for user in sorted(users.keys() - changed):
        for load in files.loads(trial.members[user]):
            if last_part(load.soname) in users[user]:
                yield load


def pair_libraries(loads: Iterable[Load], trial: TrialSet, root_of: Callable[[Member], BuildRoot]) -> Pairing:
    """Return what must be compared for these loads in a set.

    Nothing is compared for a dependent whose build had the same file as the set. `root_of` returns what an own member
    was built with.
    """
    pairs: defaultdict[LibraryPair, set[str]] = defaultdict(set)
    unpaired: set[Unpaired] = set()
    for load in loads:
        for library in load.found(trial):
            provider, dependent = trial.members[library.owner], load.dependent.name
            before = _before(load, library, provider, root_of)
            after = library_file(provider, library)
            if isinstance(before, Shortage):
                unpaired.add(Unpaired(load.soname, provider.name, before, dependent))
            elif before is not None and before != after:
                pairs[LibraryPair(load.soname, before, after)].add(dependent)
    return Pairing({pair: tuple(sorted(users)) for pair, users in sorted(pairs.items())}, tuple(sorted(unpaired)))


def library_file(member: Member, file: LinkedFile) -> LibraryFile:
    """Return the reference to a file of a member."""
    return LibraryFile(member.name, member.descriptor.tree, file.path)


def _before(
    load: Load, library: LinkedFile, provider: Member, root_of: Callable[[Member], BuildRoot]
) -> LibraryFile | Shortage | None:
    """Return what a dependent was built against; None if that is the library itself."""
    if load.dependent.imported:
        # Packages of one distribution were compared there.
        return None if provider.imported else Shortage.IMPORTED_DEPENDENT
    if provider.imported:
        return Shortage.IMPORTED_LIBRARY
    root = root_of(load.dependent)
    after = library_file(provider, library)
    for other in root.others:
        if other.find(load, library.level) == after:
            return after
    found = root.find(load, library.level)
    if found is not None or root.given(provider):
        return found
    return Shortage.NOT_IN_BUILD if root.complete else Shortage.GONE
