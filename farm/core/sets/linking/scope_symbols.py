"""The symbols of one file in one scope: each strong import is exported, with the right version, class and size."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from farm.core.package.elf.facts import FUNCTION, OBJECT
from farm.core.sets.findings.link_problem import (
    ClassMismatch,
    MissingCopiedSymbol,
    MissingSymbol,
    MissingVersion,
    ProtectedCopy,
    SizeMismatch,
)
from farm.core.sets.findings.note import LostVersions, Note
from farm.core.sets.linking.interposition import interpositions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from farm.core.package.elf.facts import ImportGroup, Symbol
    from farm.core.sets.findings.problem import Problem
    from farm.core.sets.linking.linked_file import LinkedFile
    from farm.core.sets.linking.scope import Scope

    Label = Callable[[str], str]


class Findings(NamedTuple):
    """The findings about one file.

    `lacking` are the names of libraries that it needs and does not find. `unsettled`: files that it does not name
    decide about it too, so that it is checked after any change. `loaded`: something loads it, or it stands alone.
    """

    problems: tuple[Problem, ...] = ()
    notes: tuple[Note, ...] = ()
    lacking: tuple[str, ...] = ()
    unsettled: bool = False
    loaded: bool = True


def prove_in_scope(file: LinkedFile, scope: Scope, loader: str, label: Label) -> Findings:
    """Return what is wrong with a file where these files are loaded; `loader` is the command that loads a plugin."""
    loaded = list(scope.files)
    problems: list[Problem] = []
    reported: set[tuple[str, str]] = set()
    for symbol, version, meant in _missing(file, loaded, scope.by_name):
        reported.update((library.soname, version) for library in meant)
        problems.append(MissingSymbol(label(file.owner), file.path, symbol, version, _sources(meant, label), loader))
    problems += _versions(file, scope, reported, label)
    problems += _copies(file, scope, label)
    problems += _classes(file, loaded, label)
    notes = [
        LostVersions(file.owner, file.path, name, scope.by_name[name].owner)
        for name in sorted({soname for soname, _ in file.demanded})
        if name in scope.by_name and not scope.by_name[name].versions
    ]
    return Findings(tuple(problems), (*notes, *interpositions(file, scope)))


def _missing(
    file: LinkedFile, loaded: list[LinkedFile], by_name: dict[str, LinkedFile]
) -> Iterator[tuple[str, str, list[LinkedFile]]]:
    """Yield each strong import that nothing exports, with the libraries that it may come from."""
    for group in file.bound:
        library, version = by_name.get(group.library), group.version
        left: Iterable[str] = group.names
        if library is not None and (own := library.exports.get(version)) is not None:
            left = [name for name in group.names if name not in own]
        for name in left:
            if not any(other.satisfies(name, version) for other in loaded):
                yield name, version, [library] if library is not None else []
    loose = [name for name in file.loose if not any(name in other.exported for other in loaded)]
    if loose:
        meant = _unversioned(file, by_name)
        for name in loose:
            yield name, "", meant


def _unversioned(file: LinkedFile, by_name: dict[str, LinkedFile]) -> list[LinkedFile]:
    """Return the libraries that a file needs and from which an import without a version can come.

    An import of a library that versions all its symbols would have been bound to a version.
    """
    direct = [by_name[soname] for soname in file.needed if soname in by_name]
    return [library for library in direct if not library.versions or library.plain]


def _sources(libraries: Iterable[LinkedFile], label: Label) -> tuple[tuple[str, str], ...]:
    return tuple((library.display_name, label(library.owner)) for library in libraries)


def _versions(file: LinkedFile, scope: Scope, reported: set[tuple[str, str]], label: Label) -> Iterator[Problem]:
    """Yield the versions that the loader requires at start and does not find, without those `reported` already."""
    for soname, version in file.demanded:
        library = scope.by_name.get(soname)
        if library is None:
            yield MissingVersion(label(file.owner), file.path, version, soname, "")
        # Of a library without any version ld.so only warns.
        elif library.versions and version not in library.versions and (soname, version) not in reported:
            yield MissingVersion(label(file.owner), file.path, version, library.display_name, label(library.owner))


def _copies(file: LinkedFile, scope: Scope, label: Label) -> Iterator[Problem]:
    """Yield what is wrong with the variables that the loader copies from libraries into a program."""
    for copied in file.details.copies:
        found = _first(copied.name, copied.version, (other for other in scope.files if other is not file))
        if found is None:
            named = scope.by_name.get(copied.library)
            meant = [named] if named else _unversioned(file, scope.by_name)
            yield MissingCopiedSymbol(label(file.owner), file.path, copied.name, copied.version, _sources(meant, label))
            continue
        library, symbol = found
        parties = _parties(file, copied.name, library, label)
        if symbol.protected:
            yield ProtectedCopy(*parties)
        if symbol.symbol_class and symbol.symbol_class != OBJECT:
            yield ClassMismatch(*parties, OBJECT, symbol.symbol_class)
        elif symbol.symbol_class and symbol.size != copied.size:
            yield SizeMismatch(*parties, copied.size, symbol.size)


def _classes(file: LinkedFile, loaded: list[LinkedFile], label: Label) -> Iterator[Problem]:
    """Yield the imports that take a symbol of another class than the file was linked with."""
    for group in file.facts.imported:
        left = set(group.names) if may_differ_in_class(group, loaded) else ()
        for library in loaded if left else ():
            for name in sorted(library.satisfied(left, group.version)):
                symbol = library.definition(name, group.version)
                if symbol and symbol.symbol_class not in ("", group.symbol_class):
                    yield ClassMismatch(*_parties(file, name, library, label), group.symbol_class, symbol.symbol_class)
                left = set(left) - {name}


def _parties(file: LinkedFile, name: str, library: LinkedFile, label: Label) -> tuple[str, str, str, str, str]:
    return label(file.owner), file.path, name, library.display_name, label(library.owner)


def _first(name: str, version: str, loaded: Iterable[LinkedFile]) -> tuple[LinkedFile, Symbol] | None:
    for library in loaded:
        if (symbol := library.definition(name, version)) is not None:
            return library, symbol
    return None


def may_differ_in_class(group: ImportGroup, libraries: Iterable[LinkedFile]) -> bool:
    """Return whether one of these imports may be of another class than the export that it takes."""
    if not group.symbol_class:
        return False
    if group.symbol_class == FUNCTION:
        return any(
            (library.objects and not library.objects.isdisjoint(group.names))
            or (library.threads and not library.threads.isdisjoint(group.names))
            for library in libraries
        )
    fitting = [library.objects if group.symbol_class == OBJECT else library.threads for library in libraries]
    return not all(any(name in names for names in fitting) for name in group.names)
