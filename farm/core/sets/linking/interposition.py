"""Symbols that several of the files that are loaded together export: which of them an import takes, and over which."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from farm.core.sets.findings.link_problem import ClashingInterposition
from farm.core.sets.findings.note import Interposition
from farm.core.sets.linking.definition import definition, taken, takes

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

    from farm.core.sets.linking.linked_file import LinkedFile
    from farm.core.sets.linking.scope import Scope


class Displacement(NamedTuple):
    """What `file` imports it takes from `winner`, and was linked with `loser`."""

    file: LinkedFile
    name: str
    version: str
    winner: LinkedFile
    loser: LinkedFile


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


def displacements(names: set[str], scope: Scope, told: Container[LinkedFile]) -> Iterator[Displacement]:
    """Give the imports of all that is loaded together, but for the files that are `told` of elsewhere, that take one
    of `names` from another file than if nothing had been loaded before them.
    """
    for file in scope.files:
        for soname, version, weak, imported, _ in file.facts.imported if file not in told else ():
            for name in () if weak else sorted(names.intersection(imported)):
                takers = [each for each in scope.files if each is not file and takes(each, name, version)]
                # A program's copy is that of the first library that has it.
                real = [taker for taker in takers if len(takers) > 1 and name not in taker.copied]
                if len(real) > 1 and (meant := _meant(file, soname, real, scope)) not in (None, real[0]):
                    yield Displacement(file, name, version, real[0], meant)


def displacement_notes(found: Iterable[Displacement]) -> Iterator[Interposition]:
    """Give what displacements have to say, those of the same three files together."""
    together: dict[LinkedFile, dict[tuple[LinkedFile, LinkedFile], set[str]]] = {}
    for displacement in found:
        together.setdefault(displacement.file, {}).setdefault((displacement.winner, displacement.loser), set()).add(
            displacement.name
        )
    for file, pairs in together.items():
        yield from _notes(file, pairs)


def clashes(
    program: LinkedFile, found: Iterable[Displacement], label: Callable[[str], str]
) -> Iterator[ClashingInterposition]:
    """Give the displacements after which a file uses something else than what it was made for."""
    for file, name, version, winner, loser in found:
        taken_now, meant = definition(winner, name, version), definition(loser, name, version)
        if taken_now is None or meant is None or not taken_now.symbol_class or not meant.symbol_class:
            continue
        smaller = taken_now.size < meant.size
        if taken_now.symbol_class != meant.symbol_class or smaller:
            yield ClashingInterposition(
                label(program.owner), program.path, name, file.path, label(file.owner),
                winner.path, label(winner.owner), loser.path, label(loser.owner),
                meant.symbol_class, taken_now.symbol_class, meant.size, taken_now.size,
            )  # fmt: skip


def _meant(file: LinkedFile, soname: str, takers: list[LinkedFile], scope: Scope) -> LinkedFile | None:
    """Return which of those that have a symbol a file was linked with: what it names, or what that loads."""
    bound = scope.by_name.get(soname)
    if bound in takers:
        return bound
    waiting = [file]
    for each in waiting:  # grows while it is walked
        if each is not file and each in takers:
            return each
        libraries = (scope.by_name.get(name) for name in each.needed)
        waiting += [library for library in libraries if library is not None and library not in waiting]
    return None


def _notes(file: LinkedFile, found: dict[tuple[LinkedFile, LinkedFile], set[str]]) -> Iterable[Interposition]:
    for (winner, loser), names in found.items():
        if symbols := tuple(sorted(names - winner.copied)):
            yield Interposition(file.owner, file.path, symbols, winner.path, winner.owner, loser.path, loser.owner)
