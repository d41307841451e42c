"""Which file of a set the dynamic loader finds for a needed name, and which members need it: the link graph of a set.

The loader finds files by directory and file name; the soname of a library counts once it is loaded.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from farm.core.names.reachable import reachable
from farm.core.sets.linking.openings import Opening, directory_links, openings, programs
from farm.core.sets.linking.scope import Scope, Survey
from farm.core.sets.linking.shared_names import SharedNames
from farm.core.sets.members.search_path import (
    ALL_LEVELS,
    HWCAPS,
    Place,
    levels,
    path_place,
    place_behind_links,
    system_places,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from farm.core.package.elf.details import DlopenNote
    from farm.core.sets.linking.linked_file import LinkedFile
    from farm.core.sets.members.member import Member

_NONE: frozenset[str] = frozenset()
_LIB = "usr/lib"


class LibraryIndex:
    """Files by name, programs by command, and members by what they need. Mutable, as `CapabilityIndex` is.

    `serving` chooses among members that provide the same, as it does for capabilities; `claimants` returns the members
    that have a directory of the root.
    """

    __slots__ = (
        "_claimants",
        "_direct",
        "_directory_links",
        "_elsewhere",
        "_levels",
        "_loads",
        "_members",
        "_needs",
        "_noting",
        "_openings",
        "_programs",
        "_rivals",
        "_serving",
        "_shared",
    )

    def __init__(
        self, serving: Callable[[tuple[str, ...]], tuple[str, ...]], claimants: Callable[[str], Collection[str]]
    ) -> None:
        self._serving = serving
        self._claimants = claimants
        self._openings: defaultdict[str, list[Opening]] = defaultdict(list)
        # By the place of the link. Few packages have such links.
        self._directory_links: defaultdict[Place, list[tuple[str, Place]]] = defaultdict(list)
        # What `directly` has found since the last change.
        self._direct: dict[LinkedFile, tuple[LinkedFile, ...]] = {}
        self._programs: defaultdict[str, list[LinkedFile | None]] = defaultdict(list)
        self._needs: defaultdict[str, set[str]] = defaultdict(set)
        self._loads: defaultdict[str, set[str]] = defaultdict(set)
        self._levels: defaultdict[str, int] = defaultdict(int)
        self._members: dict[str, tuple[LinkedFile, ...]] = {}
        self._shared = SharedNames()
        # Names under which several things can be opened, and sonames of files that have another name.
        self._rivals: set[str] = set()
        self._elsewhere: defaultdict[str, int] = defaultdict(int)
        self._noting = 0

    def add(self, member: Member, files: tuple[LinkedFile, ...]) -> None:
        """Add the files of a member."""
        self._members[member.name] = files
        self._shared.add(files)
        self._update(member, files, list.append, set.add, 1)

    def remove(self, member: Member, files: tuple[LinkedFile, ...]) -> None:
        """Remove the files of a member."""
        del self._members[member.name]
        self._shared.remove(files)
        self._update(member, files, list.remove, set.discard, -1)

    def _update(
        self,
        member: Member,
        files: tuple[LinkedFile, ...],
        list_change: Callable[[list[Any], Any], None],
        set_change: Callable[[set[str], str], None],
        sign: int,
    ) -> None:
        """Add a member to all indexes, or remove it from them."""
        self._direct = {}
        for opening in openings(member, files):
            list_change(self._openings[opening.spot.name], opening)
            self._rate(opening.spot.name)
        for place, target in directory_links(member):
            list_change(self._directory_links[place], (member.name, target))
            if not self._directory_links[place]:
                del self._directory_links[place]
        self._count_levels(member, files, sign)
        self._count_unusual(files, sign)
        for file in files:
            for name in file.library_names:
                set_change(self._needs[last_part(name)], member.name)
            for command in file.loaders:
                set_change(self._loads[command], member.name)
        for command, program in programs(member, files):
            list_change(self._programs[command], program)

    def needing(self, name: str) -> frozenset[str] | set[str]:
        """Return the members with a file that needs a library of this name, or may open it."""
        return self._needs.get(name, _NONE)

    def loaded_by(self, command: str) -> frozenset[str] | set[str]:
        """Return the members that have plugins of a command."""
        return self._loads.get(command, _NONE)

    def levels_above(self, file: LinkedFile) -> list[str]:
        """Return the processor levels above that of a file for which the set has libraries, in order."""
        known = levels(file.machine)
        above = known[known.index(file.level) + 1 :] if file.level else known
        return [level for level in above if self._levels.get(level)]

    def find(
        self, name: str, by: LinkedFile, inherited: Sequence[Place] | None = None, level: str = ""
    ) -> LinkedFile | None:
        """Return the file that is loaded when `by` needs `name`; None if there is none."""
        found = self.opened(name, by, inherited, level)
        return found.file if found is not None and found.loadable else None

    def opened(
        self, name: str, by: LinkedFile, inherited: Sequence[Place] | None = None, level: str = ""
    ) -> Opening | None:
        """Return what the loader opens when `by` needs `name`, loadable or not; None if there is nothing.

        `inherited` are the DT_RPATH places of `by` and of the files that load it; by default only its own. Libraries
        that are made for the processor `level` come first. Those for another machine are skipped.
        """
        found = self._openings.get(last_part(name), ())
        if len(found) == 1 and found[0].spot.root == _LIB and not by.details.only_search_path and "/" not in name:
            file = found[0].file
            return found[0] if file is None or file.machine == by.machine else None
        fitting = [spot for spot in found if spot.file is None or spot.file.machine == by.machine]
        if not fitting:
            return None
        if "/" in name:
            named = path_place(name, by.facts, by.origin, by.owner)
            return None if named is None else self._at(named, fitting, by)
        searched = by.runpath or (by.rpath if inherited is None else inherited)
        for place in (*searched, *(() if by.details.only_search_path else system_places(name, by.machine))):
            for variant in self._variants(by.machine, level):
                directory = f"{place.directory}{HWCAPS}{variant}" if variant else place.directory
                if (opening := self._at(Place(directory, place.owner), fitting, by)) is not None:
                    return opening
        return None

    def directly(self, file: LinkedFile) -> tuple[LinkedFile, ...]:
        """Return the libraries that `file` itself needs, in its order, without missing ones."""
        known = self._direct.get(file)
        if known is None:
            found = (self.find(name, file) for name in file.needed)
            known = self._direct[file] = tuple(library for library in found if library is not None)
        return known

    def has(self, name: str) -> bool:
        """Return whether something in the set has this name, in any directory."""
        return bool(self._openings.get(last_part(name))) or name in self._elsewhere

    def contested(self, name: str) -> bool:
        """Return whether several files have this name, so that it matters which file needs it; or whether another file
        has it as its soname, and may be loaded already.
        """
        return last_part(name) in self._rivals or name in self._elsewhere

    def shared(self, names: Iterable[str]) -> bool:
        """Return whether several files may export one of these names."""
        return bool(self._shared.among(names))

    def survey(self, starts: Sequence[LinkedFile]) -> Survey:
        """Return what matters about the files that may be loaded with these: an upper bound, found by names alone."""
        shared: set[str] = set()
        if not (self._shared or self._rivals or self._elsewhere or self._noting):
            return Survey(shared)
        seen: set[str] = set()
        contested = opens = False
        for file in reachable(starts, self._candidates):
            if names := self._shared.of(file):
                shared |= seen & names
                seen |= names
            opens = opens or bool(file.details.dlopen)
            contested = contested or any(map(self.contested, file.loaded_names))
        return Survey(shared, contested, opens)

    def _candidates(self, file: LinkedFile) -> Iterator[LinkedFile]:
        """Yield the files under the names that a file loads, in any directory."""
        for name in file.loaded_names:
            for opening in self._openings.get(last_part(name), ()):
                if opening.file is not None:
                    yield opening.file

    def program(self, command: str, by: LinkedFile) -> tuple[bool, LinkedFile | None]:
        """Return whether a package has the command, and the ELF file that it runs, if it runs one."""
        choices = self._programs.get(command, ())
        files = [file for file in choices if file is not None and file.machine == by.machine]
        own = [file for file in files if file.owner == by.owner] or files
        owners = self._serving(tuple(sorted({file.owner for file in own})))
        return bool(choices), min(
            (file for file in own if file.owner == owners[0]), key=attrgetter("path"), default=None
        )

    def scope(self, starts: Sequence[LinkedFile], level: str = "") -> Scope:
        """Return what is loaded with these files, breadth first as the loader does: with the first file, then with the
        others, which it opens.
        """
        scope = Scope(level=level)
        inherited: tuple[Place, ...] = ()
        for start in starts:
            inherited = (*start.rpath, *inherited)
            if scope.take(start, inherited):
                self._load_all(scope, start)
        return scope

    def opened_after(self, scope: Scope) -> Iterator[tuple[DlopenNote, LinkedFile, Scope]]:
        """Yield each library that the notes of loaded files open, with its note and the scope after it is loaded.

        That is the same scope where the library is loaded already. Notes of opened libraries are not followed.
        """
        for file in scope.files:
            for note in file.details.dlopen:
                places = scope.files[file]
                for name in note.sonames:
                    library = scope.loaded_as(name) or self.find(name, file, places, scope.level)
                    if library is not None:
                        after = scope.copy()
                        library = after.by_name[name] = after.same(library)
                        if after.take(library, (*library.rpath, *places)):
                            self._load_all(after, library)
                            yield note, library, after
                        else:
                            yield note, library, scope
                        break

    def _load_all(self, scope: Scope, start: LinkedFile) -> None:
        """Load the libraries of the file that was loaded last, breadth first."""
        waiting = [start]
        for file in waiting:  # grows while it is walked
            places = scope.files[file]
            for name in file.loaded_names:
                library = self._load(scope, file, name, places, scope.level)
                if library is not None and scope.take(library, (*library.rpath, *places)):
                    waiting.append(library)

    def _load(
        self, scope: Scope, file: LinkedFile, name: str, places: Sequence[Place], level: str
    ) -> LinkedFile | None:
        """Return what is loaded when `file` needs `name`, given what is loaded already."""
        known = scope.loaded_as(name)
        library = known or self.find(name, file, places, level)
        if library is None:
            scope.complete = scope.complete and name not in file.needed
            return None
        if known is None:
            library = scope.by_name[name] = scope.same(library)
        elsewhere = known is not None or places != file.rpath
        rivals = self.contested(name) or last_part(name) not in library.names
        if elsewhere and rivals and self.find(name, file, level=level) is not library:
            scope.strayed[file] = None
        return library

    def openers(self, file: LinkedFile) -> Iterator[tuple[LinkedFile, ...]]:
        """Yield the programs, plugins and public libraries that may load a file, directly or through others.

        Each comes with the file that loads it, where it is a plugin.
        """
        for user in reachable([file], self._users_of)[1:]:
            loaded = [self.program(command, user)[1] for command in user.loaders]
            if user.is_program or (user.public and user.alone):
                yield (user,)
            yield from ((program, user) for program in loaded if program is not None)

    def _users_of(self, library: LinkedFile) -> Iterator[LinkedFile]:
        """Yield the files that need or may open a library by one of its names."""
        names = library.all_names
        for member in sorted({user for name in names for user in self.needing(name)}):
            for user in self._members[member]:
                if not names.isdisjoint(map(last_part, user.library_names)):
                    yield user

    def _at(self, place: Place, found: Iterable[Opening], by: LinkedFile) -> Opening | None:
        """Return the opening at a place; of several members, that of the one that serves.

        Where none prevails this is a guess, and the conflict is reported as a path conflict.
        """
        if (led := place_behind_links(place, self._link_at, self._claimants)) is None:
            return None
        if led.owner:
            at = [spot for spot in found if spot.owner == led.owner and spot.spot.package == led.directory]
        else:
            at = [spot for spot in found if spot.spot.root == led.directory]
        if len(at) < 2:
            return at[0] if at else None
        winners = self._serving(tuple(sorted({spot.owner for spot in at})))
        winner = by.owner if by.owner in winners else winners[0]
        return next(spot for spot in at if spot.owner == winner)

    def _link_at(self, directory: str, owner: str) -> Place | None:
        links = self._directory_links.get(Place(directory, owner)) if self._directory_links else None
        if not links:
            return None
        winners = self._serving(tuple(sorted({name for name, _ in links})))
        return min(place for name, place in links if name == winners[0])

    def _variants(self, machine: str, level: str) -> list[str]:
        """Return the directories of variants that are searched at a level, the best first, and none last."""
        known = levels(machine)
        if level not in known:
            return [""]
        return [*(other for other in known[known.index(level) :: -1] if self._levels.get(other)), ""]

    def _rate(self, name: str) -> None:
        """Record whether several things can be opened under a name."""
        found = self._openings[name]
        if len(found) > 1 and len({spot.file or spot.spot for spot in found}) > 1:
            self._rivals.add(name)
        else:
            self._rivals.discard(name)

    def _count_unusual(self, files: Iterable[LinkedFile], sign: int) -> None:
        """Count the files whose soname is not among their names, and those that may open others while they run."""
        for file in files:
            self._noting += sign * bool(file.details.dlopen)
            soname = file.facts.soname
            if soname and soname not in file.names and not file.is_program:
                self._elsewhere[soname] += sign
                if not self._elsewhere[soname]:
                    del self._elsewhere[soname]

    def _count_levels(self, member: Member, files: Iterable[LinkedFile], sign: int) -> None:
        """Count the processor levels of which there are variants. A link to a directory may lead to any of them."""
        variants = {spot.root or spot.package or "" for file in files for spot in file.spots}
        variants.update(posixpath.dirname(path.path) for path in member.opened if not path.file)
        for level in ALL_LEVELS:
            if any(directory.endswith(f"{HWCAPS}{level}") for directory in variants) or any(
                HWCAPS in f"{link.path}/" for link in member.directory_links
            ):
                self._levels[level] += sign


def last_part(name: str) -> str:
    """Return the name of a file without its directory; most needed names have none."""
    return posixpath.basename(name) if "/" in name else name
