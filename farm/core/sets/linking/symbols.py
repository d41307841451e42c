"""The symbol proof of one file: a file that is loaded with it exports each strong import, with the right class.

The closure of its DT_NEEDED is loaded with a file; for a plugin, the program that loads it and the program's closure
come first. It is proven at each processor level for which a library has a variant. A proof says "no missing symbol",
never "safe".
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from farm.core.sets.findings.link_problem import MissingSymbol
from farm.core.sets.findings.note import Underlinked
from farm.core.sets.linking.interposition import clashes, displacement_notes, displacements
from farm.core.sets.linking.scope_symbols import Findings, may_differ_in_class, prove_in_scope

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from farm.core.sets.linking.library_index import LibraryIndex
    from farm.core.sets.linking.linked_file import LinkedFile
    from farm.core.sets.linking.scope import Scope
    from farm.core.sets.linking.scope_symbols import Label


_NOTHING = Findings()
_NOT_LOADED = Findings(loaded=False)
_NONE: frozenset[str] = frozenset()


def prove_file(file: LinkedFile, libraries: LibraryIndex, label: Label) -> Findings:
    """Return what is wrong with a file.

    Where a library is missing from its closure nothing is said about symbols: the missing library is the problem. A
    plugin whose loader is in no package of the set is loaded by nothing, and so lacks nothing.
    """
    if not file.alone:
        findings = _prove_in_context(file, libraries, label)
        return findings if findings.loaded else _NOT_LOADED._replace(unsettled=True)
    if not file.loaders:
        if _satisfied_directly(file, libraries) and (not file.is_program or libraries.survey((file,)).is_plain):
            return _NOTHING
        return _prove_loaded(file, (file,), "", libraries, label)
    found = []
    for loader in file.loaders:
        present, program = libraries.program(loader, file)
        if present:
            starts = (file,) if program is None else (program, file)
            found.append(_prove_loaded(file, starts, loader, libraries, label))
    return _together(found) if found else _NOT_LOADED


def _satisfied_directly(file: LinkedFile, libraries: LibraryIndex) -> bool:
    """Return whether the libraries that the file names export all its imports, and no other file can interpose.

    Mostly they do, and this is quick. In doubt it returns False, and the whole scope is proven.
    """
    if file.runpath or file.rpath or file.level or file.details.copies or file.details.auxiliaries:
        return False
    direct = libraries.directly(file)
    if len(direct) < len(file.needed) or any(map(libraries.contested, file.needed)):
        return False
    by_name = dict(zip(file.needed, direct, strict=True))
    return (
        file.sources.issubset(by_name)
        and all(
            group.library in by_name
            and by_name[group.library].exports.get(group.version, _NONE).issuperset(group.names)
            for group in file.bound
        )
        and all(version in by_name[soname].versions for soname, version in file.demanded)
        and (not file.loose or _found_once(file.loose, direct))
        and not _may_be_interposed(file, by_name)
        and not any(
            may_differ_in_class(group, [by_name[group.library]] if group.library in by_name else direct)
            for group in file.facts.imported
        )
    )


def _found_once(names: tuple[str, ...], direct: Iterable[LinkedFile]) -> bool:
    """Return whether exactly one of the files exports each of these imports without a version."""
    found = [library.exported.intersection(names) for library in direct if library.exported]
    return sum(map(len, found)) == len(set(names)) == len(set().union(*found))


def _may_be_interposed(file: LinkedFile, by_name: dict[str, LinkedFile]) -> bool:
    """Return whether a file other than the one that an import is bound to may export the symbol too."""
    libraries = by_name.values()
    versions = [library.versions for library in libraries if library.versions]
    if len(set().union(*versions)) < sum(map(len, versions)):
        return True
    plain = [library for library in libraries if library.plain]
    return any(
        library is not by_name[group.library] and not library.plain.isdisjoint(group.names)
        for group in file.bound
        for library in plain
    )


def _prove_loaded(
    file: LinkedFile, starts: tuple[LinkedFile, ...], loader: str, libraries: LibraryIndex, label: Label
) -> Findings:
    """Prove a file with all that is loaded with it, at each processor level that makes a difference."""
    scope = libraries.scope(starts, file.level)
    if not scope.complete:
        return _prove_in_context(file, libraries, label)
    found = _prove_scope(file, scope, starts, libraries, label, loader=loader)
    for level in libraries.levels_above(file):
        variants = libraries.scope(starts, level)
        if not variants.complete:
            found.append(Findings(lacking=_missing_libraries(file, variants)))
        elif list(variants.files) != list(scope.files):
            found += _prove_scope(file, variants, starts, libraries, label, loader=loader)
    findings = _together(found, unsettled=bool(scope.strayed))
    if findings.problems and not loader and not file.is_program:
        return _prove_in_programs(file, findings, libraries, label)
    return findings


def _prove_scope(
    file: LinkedFile,
    scope: Scope,
    starts: tuple[LinkedFile, ...],
    libraries: LibraryIndex,
    label: Label,
    *,
    loader: str,
) -> list[Findings]:
    """Prove a file, and the files in its scope for which another library was loaded than they find by themselves."""
    found = [prove_in_scope(file, scope, loader, label)]
    found += [prove_in_scope(strayed, scope, loader, label) for strayed in scope.strayed if strayed is not file]
    if starts[0].is_program:
        found.append(_prove_together(scope, starts, libraries, label))
    return found


def _prove_together(scope: Scope, starts: tuple[LinkedFile, ...], libraries: LibraryIndex, label: Label) -> Findings:
    """Prove that the libraries loaded with a file, and those opened later, take the symbols they were linked with.

    What a program loads by itself is not reported again with each of its plugins.
    """
    survey = libraries.survey(starts)
    before = libraries.scope(starts[:-1], scope.level).files
    found = [_prove_order(survey.shared, scope, {starts[-1], *before}, starts[-1], label)]
    for note, library, after in libraries.opened_after(scope) if survey.opens else ():
        # An incomplete library is reported by itself; that a program exits without an optional one is not.
        if note.priority == "required" and after is not scope and after.complete:
            shared = libraries.survey((*starts, library)).shared
            found.append(_prove_order(shared, after, scope.files, starts[-1], label))
            strayed = [file for file in after.strayed if file not in scope.strayed]
            found += [prove_in_scope(file, after, _loader(starts), label)._replace(unsettled=True) for file in strayed]
    return _together(found)


def _prove_order(
    names: set[str], scope: Scope, reported: Container[LinkedFile], program: LinkedFile, label: Label
) -> Findings:
    found = tuple(displacements(names, scope, reported)) if names else ()
    return Findings(tuple(clashes(program, found, label)), tuple(displacement_notes(found)))


def _prove_in_context(file: LinkedFile, libraries: LibraryIndex, label: Label) -> Findings:
    """Prove a file that does not find its libraries by itself, with each file that may have loaded them before."""
    found: list[Findings] = []
    for starts in libraries.openers(file):
        for scope in _scopes(starts, file, libraries):
            proven = prove_in_scope(file, scope, _loader(starts), label) if scope.complete else _NOTHING
            found.append(proven._replace(lacking=_missing_libraries(file, scope)))
    if found:
        return _together(found, unsettled=True)
    lacking = tuple(name for name in file.needed if libraries.find(name, file) is None)
    return Findings(lacking=lacking, unsettled=True, loaded=file.alone)


def _prove_in_programs(file: LinkedFile, alone: Findings, libraries: LibraryIndex, label: Label) -> Findings:
    """Prove a library that has problems by itself with each program that loads it, and may load what it lacks.

    Where no program loads it without problems, the findings `alone` stand: some program may open it.
    """
    found: list[Findings] = []
    programs: dict[str, None] = {}
    for starts in libraries.openers(file):
        for scope in _scopes(starts, file, libraries) if starts[0].is_program else ():
            # A program that does not start is reported by itself, and proves nothing about its libraries.
            if not scope.complete or any(prove_in_scope(start, scope, "", label).problems for start in starts):
                continue
            found.append(prove_in_scope(file, scope, _loader(starts), label))
            if not found[-1].problems:
                programs[starts[0].path] = None
    if not programs:
        return alone._replace(unsettled=True)
    findings = _together(found, unsettled=True)
    if findings.problems:
        return findings
    lacks = {problem.symbol for problem in alone.problems if isinstance(problem, MissingSymbol)}
    note = Underlinked(file.owner, file.path, tuple(sorted(lacks)), tuple(sorted(programs)))
    return findings._replace(notes=(*findings.notes, note))


def opens(file: LinkedFile, sonames: tuple[str, ...], libraries: LibraryIndex) -> bool:
    """Return whether a file has loaded one of these libraries, or finds one in every program that loads it."""
    own = libraries.scope((file,))
    if any(own.loaded_as(name) is not None for name in sonames):
        return True
    scopes = [scope for starts in libraries.openers(file) if file in (scope := libraries.scope(starts)).files]
    return bool(scopes) and all(
        any(
            scope.loaded_as(name) is not None
            or (
                (found := libraries.find(name, file, scope.files[file])) is not None and not found.details.only_at_start
            )
            for name in sonames
        )
        for scope in scopes
    )


def _scopes(starts: tuple[LinkedFile, ...], file: LinkedFile, libraries: LibraryIndex) -> Iterator[Scope]:
    """Yield what is loaded with these at each processor level, where the file is among it."""
    for level in (file.level, *libraries.levels_above(file)):
        scope = libraries.scope(starts, level)
        if file in scope.files:
            yield scope
        else:
            yield from (after for _, _, after in libraries.opened_after(scope) if file in after.files)


def _missing_libraries(file: LinkedFile, scope: Scope) -> tuple[str, ...]:
    return tuple(name for name in file.needed if name not in scope.by_name)


def _loader(starts: tuple[LinkedFile, ...]) -> str:
    """Return the name of the program that loads a file, or nothing."""
    return posixpath.basename(starts[0].path) if starts[0].is_program else ""


def _together(found: list[Findings], *, unsettled: bool = False) -> Findings:
    return Findings(
        tuple(dict.fromkeys(problem for findings in found for problem in findings.problems)),
        tuple(dict.fromkeys(note for findings in found for note in findings.notes)),
        tuple(dict.fromkeys(name for findings in found for name in findings.lacking)),
        unsettled or any(findings.unsettled for findings in found),
        any(findings.loaded for findings in found),
    )
