"""Which file of a set the dynamic loader finds for a needed name, and who needs what: the link graph of a set."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm.compat.linked_file import package_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from farm.compat.linked_file import LinkedFile, Place
    from farm.compat.member import Member

_NONE: frozenset[str] = frozenset()


@dataclass(slots=True)
class Scope:
    """What is loaded together, in the order in which symbols are looked up.

    `by_name` has each under all its names. `complete`: nothing that is needed lacks. `strayed` are those of which a
    need is met by another file than if they were loaded first.
    """

    files: dict[LinkedFile, None] = field(default_factory=dict)
    by_name: dict[str, LinkedFile] = field(default_factory=dict)
    strayed: dict[LinkedFile, None] = field(default_factory=dict)
    complete: bool = True


class LibraryIndex:
    """Files by name, programs by command, and members by what they need. Mutable, as `CapabilityIndex` is.

    `serving` chooses among members that provide the same, as it does for capabilities.
    """

    __slots__ = ("_direct", "_files", "_levels", "_loads", "_members", "_needs", "_programs", "_serving")

    def __init__(self, serving: Callable[[tuple[str, ...]], tuple[str, ...]]) -> None:
        self._serving = serving
        self._files: defaultdict[str, list[LinkedFile]] = defaultdict(list)
        # What `directly` has found since the last change.
        self._direct: dict[LinkedFile, tuple[LinkedFile, ...]] = {}
        self._programs: defaultdict[str, list[LinkedFile | None]] = defaultdict(list)
        self._needs: defaultdict[str, set[str]] = defaultdict(set)
        self._loads: defaultdict[str, set[str]] = defaultdict(set)
        self._levels: defaultdict[str, int] = defaultdict(int)
        self._members: dict[str, tuple[LinkedFile, ...]] = {}

    def add(self, member: Member, files: tuple[LinkedFile, ...]) -> None:
        """Take the files of a member in."""
        self._direct = {}
        self._members[member.name] = files
        for file in files:
            for name in file.names:
                self._files[name].append(file)
            if file.level:
                self._levels[file.level] += 1
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
        for file in files:
            for name in file.names:
                self._files[name].remove(file)
            if file.level:
                self._levels[file.level] -= 1
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

    @property
    def levels(self) -> list[str]:
        """The processors that some library is made for, besides any, sorted."""
        return sorted(level for level, count in self._levels.items() if count)

    def find(
        self, name: str, by: LinkedFile, inherited: Sequence[Place] | None = None, level: str = ""
    ) -> LinkedFile | None:
        """Return the file that is loaded when `by` needs `name`; None where there is none.

        `inherited` are the places of DT_RPATH, of `by` and of those that load it: its own alone unless they are given.
        At a `level` of processors what is made for it comes first. A file of the same package comes first among equals,
        then one that prevails, then by name: where this is a guess, the ambiguity is reported as a requirement's.
        """
        found: Sequence[LinkedFile] = self._files.get(last_part(name), ())
        alone = len(found) == 1 and found[0].public and found[0].machine == by.machine
        if alone and "/" not in name and not by.only_search_path:
            return found[0]
        fitting = [file for file in found if file.machine == by.machine and (not file.level or file.level <= level)]
        if "/" in name:
            # A relative one depends on where one stands.
            place = package_directory(posixpath.dirname(name))
            return self._choose([file for file in fitting if file.directory == place and name[:1] == "/"], by, level="")
        for place, owner in by.runpath or (by.rpath if inherited is None else inherited):
            at = [file for file in fitting if file.directory == place and owner in ("", file.owner)]
            if at:
                return self._choose(at, by, level)
        if by.only_search_path:
            return None
        at = [file for file in fitting if file.public or (file.level and file.directory == "lib")]
        return self._choose(at, by, level)

    def directly(self, file: LinkedFile) -> tuple[LinkedFile, ...]:
        """Return the libraries that `file` itself needs, in its order, without those that are not there."""
        known = self._direct.get(file)
        if known is None:
            found = (self.find(name, file) for name in file.needed)
            known = self._direct[file] = tuple(library for library in found if library is not None)
        return known

    def contested(self, name: str) -> bool:
        """Tell whether there is more than one file of this name, so that it matters who asks."""
        return len(self._files.get(last_part(name), ())) > 1

    def program(self, command: str, by: LinkedFile) -> tuple[bool, LinkedFile | None]:
        """Return whether some package has the command, and the ELF file that it runs, if it runs one."""
        choices = self._programs.get(command, ())
        files = [file for file in choices if file is not None and file.machine == by.machine]
        return bool(choices), self._choose(files, by, level="")

    def scope(self, starts: Sequence[LinkedFile], level: str = "") -> Scope:
        """Return all that is loaded with these files, breadth first as the loader does: with the first one, then the
        others, which it has opened.
        """
        scope = Scope()
        inherited: tuple[Place, ...] = ()
        for start in starts:
            inherited = (*start.rpath, *inherited)
            if start in scope.files:
                continue
            scope.files[start] = None
            scope.by_name.setdefault(start.soname, start)
            waiting = [(start, inherited)]
            for file, places in waiting:  # grows while it is walked
                for name in all_loaded(file):
                    library = self._load(scope, file, name, places, level)
                    if library is not None and library not in scope.files:
                        scope.files[library] = None
                        waiting.append((library, (*library.rpath, *places)))
        return scope

    def _load(
        self, scope: Scope, file: LinkedFile, name: str, places: Sequence[Place], level: str
    ) -> LinkedFile | None:
        """Return what is loaded when `file` needs `name` among what is loaded already."""
        known = scope.by_name.get(name)
        library = known or self.find(name, file, places, level)
        if library is None:
            scope.complete = scope.complete and name not in file.needed
            return None
        if known is None:
            scope.by_name[name] = library
            scope.by_name.setdefault(library.soname, library)
        elsewhere = known is not None or places != file.rpath
        if not level and elsewhere and self.contested(name) and self.find(name, file) is not library:
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
                    if opener not in found and not names.isdisjoint(map(posixpath.basename, all_loaded(opener))):
                        found[opener] = None
                        waiting.append(opener)
        for each in waiting[1:]:
            loaded = [self.program(command, each)[1] for command in each.loaders]
            if each.is_program or each.public:
                yield (each,)
            yield from ((program, each) for program in loaded if program is not None)

    def _choose(self, found: list[LinkedFile], by: LinkedFile, level: str) -> LinkedFile | None:
        if len(found) < 2:
            return found[0] if found else None
        if level:
            best = max(file.level for file in found)
            found = [file for file in found if file.level == best]
        own = [file for file in found if file.owner == by.owner]
        winners = self._serving(tuple(sorted({file.owner for file in own or found})))
        return min(
            (file for file in own or found if file.owner == winners[0]),
            key=lambda file: (file.directory != "lib", file.path),
        )


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
    if file.facts.details:
        for note in file.facts.details.dlopen:
            yield from note.sonames


def programs(member: Member, files: Iterable[LinkedFile]) -> Iterator[tuple[str, LinkedFile | None]]:
    """Give each command of a member with the ELF file that it runs, None for a script."""
    by_path = {file.path: file for file in files}
    paths = dict(member.programs)
    for command in member.facts.commands:
        yield command, by_path.get(paths.get(command, f"bin/{command}"))
