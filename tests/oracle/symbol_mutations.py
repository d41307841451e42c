"""Mutations of symbols and versions, by overwriting entries of `.dynsym`, `.gnu.version` and their tables in place.

Each function draws from a set; None where the set has nothing to draw from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.oracle import elf_editor as elf
from tests.oracle.mutation import Changes, Mutation, patched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from tests.oracle.elf_editor import DynamicSymbol
    from tests.oracle.linked_set import BinaryFile, Edge, LinkedSet

    Draw = Callable[[Random, LinkedSet], Mutation | None]

_NEW_NAME = "farm_oracle_other_name"


def drop(how: str, *, of: str = "own") -> Draw:
    """Remove an export that is imported: of an `own` library, of the C library (`libc`), or a `copied` one."""

    def draw(random: Random, base: LinkedSet) -> Mutation | None:
        edge = _edge(random, base, of)
        if edge is None:
            return None
        return _of_export("drop", f"{how} {of}", edge, base, **_GONE[how])

    return draw


_GONE: dict[str, dict[str, int]] = {
    "hidden": {"visibility": elf.HIDDEN},
    "internal": {"visibility": elf.INTERNAL},
    "local": {"binding": elf.LOCAL},
    # Weakly, so that the library itself does not lack it.
    "undefined": {"section": elf.UNDEFINED, "binding": elf.WEAK, "value": 0, "size": 0},
    "of a file": {"type_": elf.FILE},
    "without a value": {"value": 0},
}


def drop_weakly_wanted(random: Random, base: LinkedSet) -> Mutation | None:
    """Remove an export whose only import is made weak: it may be missing."""
    edges = [edge for edge in base.own_edges if not edge.copied and not edge.export.name.startswith("_")]
    alone = [edge for edge in edges if base.imported[edge.wanted.name] == 1]
    edge = _one(random, alone)
    if edge is None:
        return None
    changes = Changes()
    changes.write(edge.library, edge.library.edited().put(edge.export, visibility=elf.HIDDEN).content)
    changes.write(edge.importer, edge.importer.edited().put(edge.wanted, binding=elf.WEAK).content)
    return _mutation("valid", "dropped, wanted weakly", edge, base, changes)


def drop_unwanted(random: Random, base: LinkedSet) -> Mutation | None:
    """Remove an export that nothing imports."""
    found = _unwanted(random, base)
    if found is None:
        return None
    library, symbol = found
    how = random.choice(["hidden", "local", "undefined"])
    changes = Changes().write(library, library.edited().put(symbol, **_GONE[how]).content)
    return _of_library(f"unwanted {how}", library, symbol, base, changes)


def alter_export(group: str, kind: str, **new: int) -> Draw:
    """Overwrite the given fields of an export that is imported, and not copied."""

    def draw(random: Random, base: LinkedSet) -> Mutation | None:
        edge = _one(random, [edge for edge in base.own_edges if edge.wanted.name not in base.copied])
        return None if edge is None else _of_export(group, kind, edge, base, **new)

    return draw


def rename_export(random: Random, base: LinkedSet) -> Mutation | None:
    """Rename an export; its hash changes with it."""
    edge = _edge(random, base, "own")
    if edge is None:
        return None
    changes = Changes().write(edge.library, patched(edge.library.content, renamed={edge.export.name: _NEW_NAME}))
    return _mutation("rename", "export", edge, base, changes)


def rename_import(random: Random, base: LinkedSet) -> Mutation | None:
    """Let a file import another name: the same without its first letter, which the string table has anyway."""
    edge = _one(
        random,
        [
            own_edge
            for own_edge in base.own_edges
            if not own_edge.copied and own_edge.wanted.name[1:] not in base.imported
        ],
    )
    if edge is None:
        return None
    edited = edge.importer.edited().put(edge.wanted, name_at=edge.wanted.name_at + 1)
    return _mutation("rename", "import", edge, base, Changes().write(edge.importer, edited.content))


def rename_both(random: Random, base: LinkedSet) -> Mutation | None:
    """Rename an export and every import of it: valid."""
    edge = _one(random, [own_edge for own_edge in base.own_edges if own_edge.wanted.name not in base.copied])
    if edge is None:
        return None
    changes, renamed = Changes(), {edge.export.name: _NEW_NAME}
    files = {base_edge.importer for base_edge in base.edges if base_edge.wanted.name == edge.wanted.name} | {
        edge.library
    }
    for file in sorted(files, key=lambda binary: (binary.package, binary.path)):
        changes.write(file, patched(file.content, renamed=renamed))
    return _mutation("valid", "renamed on both sides", edge, base, changes)


def rename_unwanted(random: Random, base: LinkedSet) -> Mutation | None:
    """Rename an export that nothing imports: one symbol added, one removed, the table in another order."""
    found = _unwanted(random, base)
    if found is None:
        return None
    library, symbol = found
    changes = Changes().write(library, patched(library.content, renamed={symbol.name: _NEW_NAME}))
    return _of_library("added and reordered", library, symbol, base, changes)


def version_of_export(kind: str, choose: Callable[[Random, Edge], int | None], group: str = "version") -> Draw:
    """Give an export that is imported with a version another entry in `.gnu.version`."""

    def draw(random: Random, base: LinkedSet) -> Mutation | None:
        edge = _one(
            random, [base_edge for base_edge in base.edges if base_edge.versioned and base_edge.library.elf.definitions]
        )
        version = choose(random, edge) if edge else None
        return None if edge is None or version is None else _of_export(group, kind, edge, base, version=version)

    return draw


def another_version(random: Random, edge: Edge) -> int | None:
    """Choose another version that the library defines."""
    now = edge.export.version & 0x7FFF
    others = [definition.index for definition in edge.library.elf.definitions if definition.index != now]
    return random.choice(others) if others else None


def unversioned_import(kind: str, wanted: Callable[[int], bool], version: Callable[[int], int]) -> Draw:
    """Clear the version of an import, and overwrite that of the export, selected by `wanted` from its index."""

    def draw(random: Random, base: LinkedSet) -> Mutation | None:
        edges = [
            base_edge for base_edge in base.edges if base_edge.versioned and wanted(base_edge.export.version & 0x7FFF)
        ]
        edge = _one(
            random,
            [
                base_edge
                for base_edge in edges
                if not base_edge.copied and len(base_edge.library.exports[base_edge.export.name]) == 1
            ],
        )
        if edge is None:
            return None
        changes = Changes()
        changes.write(edge.importer, edge.importer.edited().put(edge.wanted, version=1).content)
        new = version(edge.export.version & 0x7FFF)
        changes.write(edge.library, edge.library.edited().put(edge.export, version=new).content)
        return _mutation("version", kind, edge, base, changes)

    return draw


def hide_unversioned(random: Random, base: LinkedSet) -> Mutation | None:
    """Hide an export that has no version, of a library that has no versions: an import without one takes it."""
    edges = [own_edge for own_edge in base.own_edges if not own_edge.versioned and not own_edge.library.elf.definitions]
    edge = _one(random, edges)
    return (
        None
        if edge is None
        else _of_export("version", "hidden without a version", edge, base, version=1 | elf.HIDDEN_VERSION)
    )


def rename_definition(random: Random, base: LinkedSet) -> Mutation | None:
    """Let a library define a version under another name."""
    edge = _one(
        random, [base_edge for base_edge in base.edges if base_edge.versioned and base_edge.library.elf.definitions]
    )
    if edge is None:
        return None
    defined = {definition.index: definition for definition in edge.library.elf.definitions}[
        edge.export.version & 0x7FFF
    ]
    changes = Changes().write(edge.library, edge.library.edited().rename_version(defined).content)
    return _mutation("version", "definition renamed", edge, base, changes)


def rename_need(kind: str, *, weak: bool, unused: bool = False) -> Draw:
    """Let a file need a version of another name; weakly, so that the loader continues, or although no symbol has it."""

    def draw(random: Random, base: LinkedSet) -> Mutation | None:
        edge = _one(
            random,
            [
                base_edge
                for base_edge in base.edges
                if base_edge.versioned and not base_edge.copied and not base_edge.importer.loaders
            ],
        )
        if edge is None:
            return None
        editor = edge.importer.edited()
        number = edge.wanted.version & 0x7FFF
        if unused:
            for symbol in editor.symbols:
                if symbol.version & 0x7FFF == number:
                    editor.put(symbol, version=1)
        editor.rename_version(next(need for need in editor.needs if need.index == number))
        if weak:
            editor.make_weak(next(need for need in editor.needs if need.index == number))
        return _mutation("version", kind, edge, base, Changes().write(edge.importer, editor.content))

    return draw


def lose_versions(random: Random, base: LinkedSet) -> Mutation | None:
    """Remove all definitions of versions from a library: the loader warns and continues."""
    edge = _one(
        random, [own_edge for own_edge in base.own_edges if own_edge.versioned and own_edge.library.elf.definitions]
    )
    if edge is None:
        return None
    editor = edge.library.edited()
    defined = {definition.index for definition in editor.definitions}
    for symbol in editor.symbols:
        if symbol.version & 0x7FFF in defined:
            editor.put(symbol, version=1 | symbol.version & elf.HIDDEN_VERSION)
    editor.retag(elf.DT_VERDEF).retag(elf.DT_VERDEFNUM)
    return _mutation("version", "all definitions lost", edge, base, Changes().write(edge.library, editor.content))


def add_versions(group: str, kind: str, *, hidden: bool) -> Draw:
    """Give all exports of a library without versions one; with the hidden bit for one that is imported without."""

    def draw(random: Random, base: LinkedSet) -> Mutation | None:
        edges = [
            own_edge for own_edge in base.own_edges if not own_edge.versioned and not own_edge.library.elf.definitions
        ]
        edge = _one(random, [own_edge for own_edge in edges if own_edge.library.is_library])
        if edge is None:
            return None
        editor = edge.library.edited()
        try:
            version = editor.add_definition(edge.library.elf.soname)
        except (StopIteration, ValueError):
            return None  # no note, or no room in the dynamic section
        for symbol in editor.symbols:
            if symbol.exported:
                editor.put(symbol, version=version)
        if hidden:
            editor.put(edge.export, version=version | elf.HIDDEN_VERSION)
        return _mutation(group, kind, edge, base, Changes().write(edge.library, editor.content))

    return draw


def move_export(random: Random, base: LinkedSet) -> Mutation | None:
    """Move an export without a version to another library that its importer needs: it is found there."""
    edges = [
        own_edge for own_edge in base.own_edges if not own_edge.versioned and base.imported[own_edge.wanted.name] == 1
    ]
    fits = [
        (edge, other, symbol)
        for edge in edges
        for other in base.needed(edge.importer)
        if other is not edge.library and other.is_library and not other.elf.definitions
        for symbol in other.elf.symbols
        if symbol.exported and symbol.type == edge.export.type and not base.imported[symbol.name]
    ]
    if not fits:
        return None
    edge, other, symbol = random.choice(fits)
    changes = Changes().write(edge.library, edge.library.edited().put(edge.export, visibility=elf.HIDDEN).content)
    changes.write(other, patched(other.content, renamed={symbol.name: edge.wanted.name}))
    return _mutation("valid", "moved to another library", edge, base, changes)


def retype(kind: str, old: int, new: int) -> Draw:
    """Let an export be of another type than the import that is bound to it."""

    def draw(random: Random, base: LinkedSet) -> Mutation | None:
        edges = [own_edge for own_edge in base.own_edges if own_edge.export.type == old and own_edge.wanted.type == old]
        edge = _one(random, edges)
        return None if edge is None else _of_export("retype", kind, edge, base, type_=new)

    return draw


def resize(kind: str, factor: Callable[[int], int], *, copied: bool) -> Draw:
    """Let an exported object be of another size, copied by a program or not."""

    def draw(random: Random, base: LinkedSet) -> Mutation | None:
        edges = [
            base_edge for base_edge in base.edges if base_edge.export.type == elf.OBJECT and base_edge.export.size > 1
        ]
        edge = _one(random, _copies(edges) if copied else _no_copies(edges, base))
        return None if edge is None else _of_export("resize", kind, edge, base, size=factor(edge.export.size))

    return draw


def protect(*, copied: bool) -> Draw:
    """Make an object protected: a program that has a copy of it and its library then see two objects."""

    def draw(random: Random, base: LinkedSet) -> Mutation | None:
        edges = [base_edge for base_edge in base.edges if base_edge.export.type == elf.OBJECT]
        edge = _one(random, _copies(edges) if copied else _no_copies(edges, base))
        kind = "protected, copied" if copied else "protected, not copied"
        return None if edge is None else _of_export("retype", kind, edge, base, visibility=elf.PROTECTED)

    return draw


def _edge(random: Random, base: LinkedSet, of: str) -> Edge | None:
    if of == "copied":
        return _one(random, [edge for edge in base.own_edges if edge.copied])
    if of == "libc":
        return _one(random, [edge for edge in base.edges if edge.library.path == "lib/libc.so.6" and not edge.weak])
    return _one(random, base.own_edges)


def _one(random: Random, edges: Sequence[Edge]) -> Edge | None:
    """Draw a library first, so that the one with most symbols is not drawn most often."""
    by_library: dict[BinaryFile, list[Edge]] = {}
    for edge in edges:
        by_library.setdefault(edge.library, []).append(edge)
    return random.choice(by_library[random.choice(list(by_library))]) if by_library else None


def _copies(edges: Sequence[Edge]) -> list[Edge]:
    return [edge for edge in edges if edge.copied]


def _no_copies(edges: Sequence[Edge], base: LinkedSet) -> list[Edge]:
    return [edge for edge in edges if edge.wanted.name not in base.copied]


def _unwanted(random: Random, base: LinkedSet) -> tuple[BinaryFile, DynamicSymbol] | None:
    libraries = {edge.library for edge in base.own_edges}
    found = [
        (library, symbol)
        for library in sorted(libraries, key=lambda binary: (binary.package, binary.path))
        for symbol in library.elf.symbols
        if symbol.exported and symbol.name not in base.imported and symbol.type in {elf.FUNC, elf.OBJECT}
    ]
    return random.choice(found) if found else None


def _of_export(group: str, kind: str, edge: Edge, base: LinkedSet, **new: int) -> Mutation:
    return _mutation(
        group, kind, edge, base, Changes().write(edge.library, edge.library.edited().put(edge.export, **new).content)
    )


def _mutation(group: str, kind: str, edge: Edge, base: LinkedSet, changes: Changes) -> Mutation:
    what = f"{edge.wanted.name} of {edge.library.path}, which {edge.importer.path} imports"
    files = ((edge.importer.package, edge.importer.path), (edge.library.package, edge.library.path))
    return Mutation(group, kind, what, base, changes.edits, files, edge.wanted.name)


def _of_library(kind: str, library: BinaryFile, symbol: DynamicSymbol, base: LinkedSet, changes: Changes) -> Mutation:
    what = f"{symbol.name} of {library.path}"
    return Mutation("valid", kind, what, base, changes.edits, ((library.package, library.path),), symbol.name)
