"""Which file of a set the dynamic loader finds for a needed name, and who needs what: the link graph of a set.

The loader goes by directories and the names of files in them; what a library calls itself counts once it is loaded.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from typing import TYPE_CHECKING

from farm.core.sets.linking.openings import Opening, directory_links, openings, programs
from farm.core.sets.linking.scope import Scope, Survey
from farm.core.sets.linking.shared_names import SharedNames
from farm.core.sets.members.search_path import ALL_LEVELS, HWCAPS, Place, led_to, levels, path_place, system_places

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from farm.core.package.elf.details import DlopenNote
    from farm.core.sets.linking.linked_file import LinkedFile
    from farm.core.sets.members.member import Member

_NONE: frozenset[str] = frozenset()
_LIB = "usr/lib"


class LibraryIndex:
    """Files by name, programs by command, and members by what they need. Mutable, as `CapabilityIndex` is.

    `serving` chooses among members that provide the same, as it does for capabilities; `claimants` gives those that
    have a directory of the root.
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
        # By directory and owner, as a place has them: mostly one of each, and hardly ever any.
        self._directory_links: defaultdict[Place, list[tuple[str, Place]]] = defaultdict(list)
        # What `directly` has found since the last change.
        self._direct: dict[LinkedFile, tuple[LinkedFile, ...]] = {}
        self._programs: defaultdict[str, list[LinkedFile | None]] = defaultdict(list)
        self._needs: defaultdict[str, set[str]] = defaultdict(set)
        self._loads: defaultdict[str, set[str]] = defaultdict(set)
        self._levels: defaultdict[str, int] = defaultdict(int)
        self._members: dict[str, tuple[LinkedFile, ...]] = {}
        self._shared = SharedNames()
        # Names under which there is more than one thing, and sonames of files that are not found by these.
        self._rivals: set[str] = set()
        self._elsewhere: defaultdict[str, int] = defaultdict(int)
        self._noting = 0

    def add(self, member: Member, files: tuple[LinkedFile, ...]) -> None:
        """Take the files of a member in."""
        self._direct = {}
        self._members[member.name] = files
        self._shared.add(files)
        for opening in openings(member, files):
            self._openings[opening.spot.name].append(opening)
            self._rate(opening.spot.name)
        for place, target in directory_links(member):
            self._directory_links[place].append((member.name, target))
        self._count_levels(member, files, 1)
        self._count_unusual(files, 1)
        for file in files:
            for name in all_needed(file):
                self._needs[last_part(name)].add(member.name)
            for command in file.loaders:
                self._loads[command].add(member.name)
        for command, program in programs(member, files):
            self._programs[command].append(program)

    def remove(self, member: Member, files: tuple[LinkedFile, ...]) -> None:
        """Take them out again."""
        self._direct = {}
        del self._members[member.name]
        self._shared.remove(files)
        for opening in openings(member, files):
            self._openings[opening.spot.name].remove(opening)
            self._rate(opening.spot.name)
        for place, target in directory_links(member):
            self._directory_links[place].remove((member.name, target))
            if not self._directory_links[place]:
                del self._directory_links[place]
        self._count_levels(member, files, -1)
        self._count_unusual(files, -1)
        for file in files:
            for name in all_needed(file):
                self._needs[last_part(name)].discard(member.name)
            for command in file.loaders:
                self._loads[command].discard(member.name)
        for command, program in programs(member, files):
            self._programs[command].remove(program)

    def needing(self, name: str) -> frozenset[str] | set[str]:
        """Return the members of which a file needs a library of this name, or may open one."""
        return self._needs.get(name, _NONE)

    def loaded_by(self, command: str) -> frozenset[str] | set[str]:
        """Return the members that have plugins of that command."""
        return self._loads.get(command, _NONE)

    def levels_above(self, file: LinkedFile) -> list[str]:
        """Return the processors for which some library is made and that are more than what a file is for, in order."""
        known = levels(file.machine)
        above = known[known.index(file.level) + 1 :] if file.level else known
        return [level for level in above if self._levels.get(level)]

    def find(
        self, name: str, by: LinkedFile, inherited: Sequence[Place] | None = None, level: str = ""
    ) -> LinkedFile | None:
        """Return the file that is loaded when `by` needs `name`; None where there is none."""
        found = self.opened(name, by, inherited, level)
        return found.file if found is not None and found.loadable else None

    def opened(
        self, name: str, by: LinkedFile, inherited: Sequence[Place] | None = None, level: str = ""
    ) -> Opening | None:
        """Return what the loader opens when `by` needs `name`, whatever that is; None where there is nothing.

        `inherited` are the places of DT_RPATH, of `by` and of those that load it: its own alone unless they are given.
        At a `level` of processors what is made for it comes first. What is for another machine is passed over.
        """
        found = self._openings.get(last_part(name), ())
        if len(found) == 1 and found[0].spot.root == _LIB and not by.only_search_path and "/" not in name:
            file = found[0].file
            return found[0] if file is None or file.machine == by.machine else None
        fitting = [spot for spot in found if spot.file is None or spot.file.machine == by.machine]
        if not fitting:
            return None
        if "/" in name:
            named = path_place(name, by.facts, by.origin, by.owner)
            return None if named is None else self._at(named, fitting, by)
        searched = by.runpath or (by.rpath if inherited is None else inherited)
        for place in (*searched, *(() if by.only_search_path else system_places(name, by.machine))):
            for variant in self._variants(by.machine, level):
                directory = f"{place.directory}{HWCAPS}{variant}" if variant else place.directory
                if (opening := self._at(Place(directory, place.owner), fitting, by)) is not None:
                    return opening
        return None

    def directly(self, file: LinkedFile) -> tuple[LinkedFile, ...]:
        """Return the libraries that `file` itself needs, in its order, without those that are not there."""
        known = self._direct.get(file)
        if known is None:
            found = (self.find(name, file) for name in file.needed)
            known = self._direct[file] = tuple(library for library in found if library is not None)
        return known

    def has(self, name: str) -> bool:
        """Tell whether something of the set has this name, wherever it lies."""
        return bool(self._openings.get(last_part(name))) or name in self._elsewhere

    def contested(self, name: str) -> bool:
        """Tell whether there is more than one file of this name, so that it matters who asks; or whether another calls
        itself so, that may have been loaded already.
        """
        return last_part(name) in self._rivals or name in self._elsewhere

    def shared(self, names: Iterable[str]) -> bool:
        """Tell whether several files may export one of these names."""
        return bool(self._shared.among(names))

    def survey(self, starts: Sequence[LinkedFile]) -> Survey:
        """Return what matters of all that may be loaded with these, whatever leads there: rather too much of it."""
        shared: set[str] = set()
        if not (self._shared or self._rivals or self._elsewhere or self._noting):
            return Survey(shared)
        contested = opens = False
        seen: set[str] = set()
        waiting = list(dict.fromkeys(starts))
        found = set(waiting)
        for file in waiting:  # grows while it is walked
            if names := self._shared.of(file):
                shared |= seen & names
                seen |= names
            opens = opens or bool(file.dlopen)
            for name in all_loaded(file):
                openings = self._openings.get(last_part(name), ())
                contested = contested or self.contested(name)
                for _, _, library in openings:
                    if library is not None and library not in found:
                        found.add(library)
                        waiting.append(library)
        return Survey(shared, contested, opens)

    def program(self, command: str, by: LinkedFile) -> tuple[bool, LinkedFile | None]:
        """Return whether some package has the command, and the ELF file that it runs, if it runs one."""
        choices = self._programs.get(command, ())
        files = [file for file in choices if file is not None and file.machine == by.machine]
        own = [file for file in files if file.owner == by.owner] or files
        owners = self._serving(tuple(sorted({file.owner for file in own})))
        return bool(choices), min((file for file in own if file.owner == owners[0]), key=_path, default=None)

    def scope(self, starts: Sequence[LinkedFile], level: str = "") -> Scope:
        """Return all that is loaded with these files, breadth first as the loader does: with the first one, then the
        others, which it has opened.
        """
        scope = Scope(level=level)
        inherited: tuple[Place, ...] = ()
        for start in starts:
            inherited = (*start.rpath, *inherited)
            if scope.take(start, inherited):
                self._load_all(scope, start)
        return scope

    def opened_after(self, scope: Scope) -> Iterator[tuple[DlopenNote, LinkedFile, Scope]]:
        """Give what each note of the files of a scope opens when they are loaded, with the scope as it is then.

        That is the same one where the library is loaded already. Notes of what is opened are not followed.
        """
        for file in scope.files:
            for note in file.dlopen:
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
        """Load what a file needs that has been loaded last, breadth first."""
        waiting = [start]
        for file in waiting:  # grows while it is walked
            places = scope.files[file]
            for name in all_loaded(file):
                library = self._load(scope, file, name, places, scope.level)
                if library is not None and scope.take(library, (*library.rpath, *places)):
                    waiting.append(library)

    def _load(
        self, scope: Scope, file: LinkedFile, name: str, places: Sequence[Place], level: str
    ) -> LinkedFile | None:
        """Return what is loaded when `file` needs `name` among what is loaded already."""
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
        """Give what may load a file, however indirectly, and is there by itself: programs, plugins, public libraries.

        Each is given with what has been started before it.
        """
        found = {file: None}
        waiting = [file]
        for each in waiting:  # grows while it is walked
            names = {*each.names, each.soname}
            users = {user for name in names for user in self.needing(name)}
            for user in sorted(users):
                for opener in self._members[user]:
                    if opener not in found and not names.isdisjoint(map(posixpath.basename, all_needed(opener))):
                        found[opener] = None
                        waiting.append(opener)
        for each in waiting[1:]:
            loaded = [self.program(command, each)[1] for command in each.loaders]
            if each.is_program or (each.public and each.alone):
                yield (each,)
            yield from ((program, each) for program in loaded if program is not None)

    def _at(self, place: Place, found: Iterable[Opening], by: LinkedFile) -> Opening | None:
        """Return what lies at a place, of these. Of several members that claim it, it is that of the one that serves;
        where this is a guess, the conflict is reported as one of paths.
        """
        if (led := led_to(place, self._link_at, self._claimants)) is None:
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
        """Return the processors that count at a level, the best first, and any of them last."""
        known = levels(machine)
        if level not in known:
            return [""]
        return [*(each for each in known[known.index(level) :: -1] if self._levels.get(each)), ""]

    def _rate(self, name: str) -> None:
        """Keep whether more than one file can be opened under a name, or a file and something that is none."""
        found = self._openings[name]
        if len(found) > 1 and len({spot.file or spot.spot for spot in found}) > 1:
            self._rivals.add(name)
        else:
            self._rivals.discard(name)

    def _count_unusual(self, files: Iterable[LinkedFile], sign: int) -> None:
        """Count the files that have another soname than names, and those that may open others while they run."""
        for file in files:
            self._noting += sign * bool(file.dlopen)
            soname = file.facts.soname
            if soname and soname not in file.names and not file.is_program:
                self._elsewhere[soname] += sign
                if not self._elsewhere[soname]:
                    del self._elsewhere[soname]

    def _count_levels(self, member: Member, files: Iterable[LinkedFile], sign: int) -> None:
        """Count the directories of variants. What a link to a directory brings could be any of them."""
        variants = {spot.root or spot.package or "" for file in files for spot in file.spots}
        variants.update(posixpath.dirname(each.path) for each in member.opened if not each.file)
        for level in ALL_LEVELS:
            if any(directory.endswith(f"{HWCAPS}{level}") for directory in variants) or any(
                HWCAPS in f"{link.path}/" for link in member.directory_links
            ):
                self._levels[level] += sign


def _path(file: LinkedFile) -> str:
    return file.path


def last_part(name: str) -> str:
    """Return the name of a file without its directory; nearly all that is needed has none."""
    return posixpath.basename(name) if "/" in name else name


def all_loaded(file: LinkedFile) -> tuple[str, ...]:
    """Return the names that a loader looks for because of a file, those that may be absent among them."""
    details = file.facts.details
    return (*file.needed, *details.auxiliaries) if details and details.auxiliaries else file.needed


def all_needed(file: LinkedFile) -> Iterator[str]:
    """Give the names of libraries that a file has any interest in: what it may open while it runs is among them."""
    yield from all_loaded(file)
    for note in file.dlopen:
        yield from note.sonames
