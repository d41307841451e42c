"""Which file of a set the dynamic loader finds for a needed soname, and who needs which: the link graph of a set."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from farm.compat.linked_file import LinkedFile
    from farm.compat.member import Member

_NONE: frozenset[str] = frozenset()


class LibraryIndex:
    """Files by soname, programs by command, and members by what they need. Mutable, as `CapabilityIndex` is.

    `serving` chooses among members that provide the same, as it does for capabilities.
    """

    __slots__ = ("_direct", "_files", "_loads", "_needs", "_programs", "_serving")

    def __init__(self, serving: Callable[[tuple[str, ...]], tuple[str, ...]]) -> None:
        self._serving = serving
        self._files: defaultdict[str, list[LinkedFile]] = defaultdict(list)
        # What `directly` has found since the last change.
        self._direct: dict[LinkedFile, tuple[LinkedFile, ...]] = {}
        self._programs: defaultdict[str, list[LinkedFile | None]] = defaultdict(list)
        self._needs: defaultdict[str, set[str]] = defaultdict(set)
        self._loads: defaultdict[str, set[str]] = defaultdict(set)

    def add(self, member: Member, files: Iterable[LinkedFile]) -> None:
        """Take the files of a member in."""
        self._direct = {}
        for file in files:
            self._files[file.soname].append(file)
            for soname in file.needed:
                self._needs[soname].add(member.name)
            for command in file.loaders:
                self._loads[command].add(member.name)
        for command, program in programs(member, files):
            self._programs[command].append(program)

    def remove(self, member: Member, files: Iterable[LinkedFile]) -> None:
        """Take them out again."""
        self._direct = {}
        for file in files:
            self._files[file.soname].remove(file)
            for soname in file.needed:
                self._needs[soname].discard(member.name)
            for command in file.loaders:
                self._loads[command].discard(member.name)
        for command, program in programs(member, files):
            self._programs[command].remove(program)

    def needing(self, soname: str) -> frozenset[str] | set[str]:
        """Return the members of which a file needs it."""
        return self._needs.get(soname, _NONE)

    def loaded_by(self, command: str) -> frozenset[str] | set[str]:
        """Return the members that have plugins of that command."""
        return self._loads.get(command, _NONE)

    def find(self, soname: str, by: LinkedFile) -> LinkedFile | None:
        """Return the file that is loaded when `by` needs `soname`; None where there is none.

        A file of the same package comes first, then one that prevails, then by name: where this is a guess, the
        ambiguity is reported as a requirement's.
        """
        found = [
            file
            for file in self._files.get(soname, ())
            if file.machine == by.machine and (file.public or file.directory in by.search)
        ]
        return found[0] if len(found) == 1 else self._choose(found, by)

    def directly(self, file: LinkedFile) -> tuple[LinkedFile, ...]:
        """Return the libraries that `file` itself needs, in its order, without those that are not there."""
        known = self._direct.get(file)
        if known is None:
            found = (self.find(soname, file) for soname in file.needed)
            known = self._direct[file] = tuple(library for library in found if library is not None)
        return known

    def program(self, command: str, by: LinkedFile) -> tuple[bool, LinkedFile | None]:
        """Return whether some package has the command, and the ELF file that it runs, if it runs one."""
        choices = self._programs.get(command, ())
        files = [file for file in choices if file is not None and file.machine == by.machine]
        return bool(choices), self._choose(files, by)

    def reach(self, start: Iterable[LinkedFile]) -> tuple[list[LinkedFile], bool]:
        """Return all that is loaded with these files, breadth first as the loader does, and whether nothing lacks."""
        loaded = dict.fromkeys(start)
        complete = True
        waiting = list(loaded)
        for file in waiting:  # grows while it is walked
            direct = self.directly(file)
            complete = complete and len(direct) == len(file.needed)
            for library in direct:
                if library not in loaded:
                    loaded[library] = None
                    waiting.append(library)
        return waiting, complete

    def _choose(self, found: list[LinkedFile], by: LinkedFile) -> LinkedFile | None:
        if not found:
            return None
        own = [file for file in found if file.owner == by.owner]
        winners = self._serving(tuple(sorted({file.owner for file in own or found})))
        return min(
            (file for file in own or found if file.owner == winners[0]),
            key=lambda file: (file.directory != "lib", file.path),
        )


def programs(member: Member, files: Iterable[LinkedFile]) -> Iterator[tuple[str, LinkedFile | None]]:
    """Give each command of a member with the ELF file that it runs, None for a script."""
    by_path = {file.path: file for file in files}
    paths = dict(member.programs)
    for command in member.facts.commands:
        yield command, by_path.get(paths.get(command, f"bin/{command}"))
