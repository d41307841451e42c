"""Symbols that several of the files that are loaded together export: which of them an import takes, and over which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.compat.definition import taken
from farm.compat.note import Interposition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farm.compat.library_index import Scope
    from farm.compat.linked_file import LinkedFile


def interpositions(file: LinkedFile, scope: Scope) -> Iterator[Interposition]:
    """Give what the file imports and finds in another file than the one that it was bound to, or in the first of two.

    What a program copies out of a library it is meant to put in the library's place.
    """
    found: dict[tuple[LinkedFile, LinkedFile], set[str]] = {}
    for soname, version, weak, names, _ in file.facts.imported:
        if weak:
            continue
        bound = scope.by_name.get(soname)
        winners: dict[str, LinkedFile] = {}
        for library in scope.files:
            if library is file:
                continue
            for name in taken(library, names, version):
                winner = winners.setdefault(name, library)
                if winner is not library and (bound is None or library is bound):
                    found.setdefault((winner, library), set()).add(name)
    yield from _notes(file, found)


def program_interposes(program: LinkedFile, scope: Scope) -> Iterator[Interposition]:
    """Give what a program exports, and a library too, and a third file imports: that gets the program's."""
    own = program.plain - {copy.name for copy in program.copies}
    for file in scope.files if own else ():
        if file is program:
            continue
        found: dict[tuple[LinkedFile, LinkedFile], set[str]] = {}
        for _, version, weak, names, _ in file.facts.imported:
            shared = () if weak else own.intersection(names)
            for library in scope.files if shared else ():
                if library not in (program, file) and (both := taken(library, shared, version)):
                    found.setdefault((program, library), set()).update(both)
        yield from _notes(file, found)


def _notes(file: LinkedFile, found: dict[tuple[LinkedFile, LinkedFile], set[str]]) -> Iterable[Interposition]:
    for (winner, loser), names in found.items():
        copied = {copy.name for copy in winner.copies}
        if symbols := tuple(sorted(names - copied)):
            yield Interposition(file.owner, file.path, symbols, winner.path, winner.owner, loser.path, loser.owner)
