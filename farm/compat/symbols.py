"""The symbol proof of one file: every strong import is exported by something that is loaded with it.

Loaded with a file is the closure of its DT_NEEDED, and where it is a plugin the closure of the program that loads it.
Versions are compared exactly; an import without a version takes any export of the name, as ld.so does. What a proof
says is "no missing symbol", never "safe".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.compat.problem import MissingSymbol, MissingVersion, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from farm.compat.library_index import LibraryIndex
    from farm.compat.linked_file import LinkedFile, Pair


def prove_file(file: LinkedFile, libraries: LibraryIndex, label: Callable[[str], str]) -> tuple[Problem, ...]:
    """Return what the file lacks of symbols and versions.

    Where a library is missing from its closure nothing is said of symbols: the library's absence is the news. A
    plugin whose loader is in no package of the set is loaded by nothing, and so lacks nothing.
    """
    if not file.loaders:
        return () if _satisfied_directly(file, libraries) else _prove(file, (file,), "", libraries, label)
    problems: dict[Problem, None] = {}
    for loader in file.loaders:
        present, program = libraries.program(loader, file)
        if present:
            start = (file,) if program is None else (file, program)
            problems.update(dict.fromkeys(_prove(file, start, loader, libraries, label)))
    return tuple(problems)


def _satisfied_directly(file: LinkedFile, libraries: LibraryIndex) -> bool:
    """Tell whether the libraries that the file itself names have all that it wants: mostly so, and quick to see."""
    direct = {library.soname: library for library in libraries.directly(file)}
    for soname, pairs in file.bound:
        library = direct.get(soname)
        if library is None or not library.exports.issuperset(pairs):
            return False
    for soname, version in file.demanded:
        library = direct.get(soname)
        if library is None or (library.versions and version not in library.versions):
            return False
    return all(any(name in library.exported for library in direct.values()) for name in file.loose)


def _prove(
    file: LinkedFile,
    start: tuple[LinkedFile, ...],
    loader: str,
    libraries: LibraryIndex,
    label: Callable[[str], str],
) -> tuple[Problem, ...]:
    loaded, complete = libraries.reach(start)
    if not complete:
        return ()
    by_soname = {each.soname: each for each in reversed(loaded)}
    problems: list[Problem] = []
    told: set[Pair] = set()
    for symbol, version, meant in _missing(file, loaded, by_soname):
        sources = tuple((library.soname, label(library.owner)) for library in meant)
        told.update((soname, version) for soname, _ in sources)
        problems.append(MissingSymbol(label(file.owner), file.path, symbol, version, sources, loader))
    for soname, version in file.demanded:
        library = by_soname.get(soname)
        # Of a library without any version ld.so only warns.
        lacks = library is not None and library.versions and version not in library.versions
        if library is not None and lacks and (soname, version) not in told:
            problems.append(MissingVersion(label(file.owner), file.path, version, soname, label(library.owner)))
    return tuple(problems)


def _missing(
    file: LinkedFile, loaded: list[LinkedFile], by_soname: dict[str, LinkedFile]
) -> Iterator[tuple[str, str, list[LinkedFile]]]:
    """Give each strong import that nothing exports, with the libraries that it can be meant to come from."""
    for soname, pairs in file.bound:
        library = by_soname.get(soname)
        left: Iterable[Pair] = pairs
        if library is not None:
            left = [pair for pair in pairs if pair not in library.exports]
        for pair in left:
            if not any(pair in each.exports for each in loaded):
                yield (*pair, [library] if library is not None else [])
    loose = [name for name in file.loose if not any(name in each.exported for each in loaded)]
    if loose:
        direct = [by_soname[soname] for soname in file.needed if soname in by_soname]
        # An import of a library that versions all its symbols would have been bound to a version.
        meant = [library for library in direct if not library.versions or any(not each for _, each in library.exports)]
        for name in loose:
            yield name, "", meant
