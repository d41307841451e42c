"""Symbols that several of the files loaded together export: which of them an import takes, and in whose place."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from farm.core.names.reachable import reachable
from farm.core.sets.findings.link_problem import ClashingInterposition
from farm.core.sets.findings.note import Interposition

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

    from farm.core.sets.linking.linked_file import LinkedFile
    from farm.core.sets.linking.scope import Scope


class Displacement(NamedTuple):
    """`file` takes an import from `winner`, and was linked with `loser`."""

    file: LinkedFile
    name: str
    version: str
    winner: LinkedFile
    loser: LinkedFile


def interpositions(file: LinkedFile, scope: Scope) -> Iterator[Interposition]:
    """Yield the imports that a file takes from another file than it was bound to, or from the first of two.

    What a program copies out of a library is meant to replace the library's own.
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
            for name in library.satisfied(names, version):
                winner = winners.setdefault(name, library)
                if winner is not library and (bound is None or library is bound):
                    found.setdefault((winner, library), set()).add(name)
    yield from _notes(file, found)


def displacements(names: set[str], scope: Scope, reported: Container[LinkedFile]) -> Iterator[Displacement]:
    """Yield the imports of `names` that are taken from another file than if nothing had been loaded before.

    Files that are `reported` elsewhere are left out.
    """
    for file in scope.files:
        for soname, version, weak, imported, _ in file.facts.imported if file not in reported else ():
            for name in () if weak else sorted(names.intersection(imported)):
                takers = [other for other in scope.files if other is not file and other.satisfies(name, version)]
                # A program's copy is that of the first library that has it.
                real = [taker for taker in takers if len(takers) > 1 and name not in taker.copied]
                if len(real) > 1 and (meant := _meant(file, soname, real, scope)) not in (None, real[0]):
                    yield Displacement(file, name, version, real[0], meant)


def displacement_notes(found: Iterable[Displacement]) -> Iterator[Interposition]:
    """Yield the notes about displacements, one for those of the same three files."""
    together: dict[LinkedFile, dict[tuple[LinkedFile, LinkedFile], set[str]]] = {}
    for file, name, _, winner, loser in found:
        together.setdefault(file, {}).setdefault((winner, loser), set()).add(name)
    for file, pairs in together.items():
        yield from _notes(file, pairs)


def clashes(
    program: LinkedFile, found: Iterable[Displacement], label: Callable[[str], str]
) -> Iterator[ClashingInterposition]:
    """Yield the displacements by which a file takes a symbol of another class, or a smaller one."""
    for file, name, version, winner, loser in found:
        used, meant = winner.definition(name, version), loser.definition(name, version)
        if used is None or meant is None or not used.symbol_class or not meant.symbol_class:
            continue
        if used.symbol_class != meant.symbol_class or used.size < meant.size:
            yield ClashingInterposition(
                label(program.owner), program.path, name, file.path, label(file.owner),
                winner.path, label(winner.owner), loser.path, label(loser.owner),
                meant.symbol_class, used.symbol_class, meant.size, used.size,
            )  # fmt: skip


def _meant(file: LinkedFile, soname: str, takers: list[LinkedFile], scope: Scope) -> LinkedFile | None:
    """Return which of the files that export a symbol a file was linked with: the named one, or one it loads."""
    bound = scope.by_name.get(soname)
    if bound in takers:
        return bound

    def libraries(of: LinkedFile) -> list[LinkedFile]:
        return [scope.by_name[name] for name in of.needed if name in scope.by_name]

    return next((found for found in reachable([file], libraries)[1:] if found in takers), None)


def _notes(file: LinkedFile, found: dict[tuple[LinkedFile, LinkedFile], set[str]]) -> Iterable[Interposition]:
    for (winner, loser), names in found.items():
        if symbols := tuple(sorted(names - winner.copied)):
            yield Interposition(file.owner, file.path, symbols, winner.path, winner.owner, loser.path, loser.owner)
