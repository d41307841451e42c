"""A set as a mutator sees it: which file imports which symbol of which library, read by the editor alone."""

from __future__ import annotations

import posixpath
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from farm.core.fileset.manifest import Link
from farm.core.package.path_glob import matches
from farm.core.package.resolve import resolve
from tests.oracle.elf_editor import WEAK, DynamicSymbol, ElfEditor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.oracle.parts import Part

LOADER = "ld-linux-x86-64.so.2"
_C_LIBRARY = frozenset(["glibc"])


@dataclass(frozen=True)
class BinaryFile:
    """An ELF file of a set. `places` are its own path and those of the links to it in its directory, `loaders` the
    commands whose plugin it is.
    """

    package: str
    path: str
    content: bytes
    places: tuple[str, ...]
    loaders: tuple[str, ...]

    @cached_property
    def elf(self) -> ElfEditor:
        """The file as it is; to change it use `edited`."""
        return ElfEditor(self.content)

    def edited(self) -> ElfEditor:
        """A copy that may be changed."""
        return ElfEditor(self.content)

    @property
    def is_program(self) -> bool:
        return bool(self.elf.interpreter) and not self.elf.soname

    @property
    def is_library(self) -> bool:
        return posixpath.dirname(self.path) == "lib" and not self.elf.interpreter and not self.loaders

    @cached_property
    def exports(self) -> dict[str, list[DynamicSymbol]]:
        found: dict[str, list[DynamicSymbol]] = {}
        for symbol in self.elf.symbols:
            if symbol.exported:
                found.setdefault(symbol.name, []).append(symbol)
        return found

    def __hash__(self) -> int:
        return hash((self.package, self.path))

    def __eq__(self, other: object) -> bool:
        return self is other


@dataclass(frozen=True, eq=False)
class Edge:
    """An import of a file and the export of a library that it is bound to."""

    importer: BinaryFile
    wanted: DynamicSymbol
    library: BinaryFile
    export: DynamicSymbol

    @property
    def versioned(self) -> bool:
        return self.wanted.version & 0x7FFF > 1

    @property
    def copied(self) -> bool:
        return self.wanted.index in self.importer.elf.copied

    @property
    def weak(self) -> bool:
        return self.wanted.binding == WEAK


class LinkedSet:
    """A set with its files and its edges; those into the C library are separate, as they are most."""

    def __init__(self, name: str, parts: Sequence[Part]) -> None:
        self.name = name
        self.parts = tuple(parts)
        self.files = tuple(_files(parts))
        self._by_soname = {
            posixpath.basename(place): file for file in self.files if file.is_library or file.path.endswith(LOADER)
            for place in file.places
        }  # fmt: skip
        libc = self._by_soname.get("libc.so.6") or next(file for file in self.files if file.path == "lib/libc.so.6")
        self._by_soname["libc.so.6"] = libc

    def library(self, soname: str) -> BinaryFile | None:
        return self._by_soname.get(soname)

    def needed(self, file: BinaryFile) -> list[BinaryFile]:
        return [found for soname in file.elf.needed if (found := self.library(soname)) is not None]

    def users(self, library: BinaryFile) -> list[BinaryFile]:
        """Return the files that need a library directly."""
        return [file for file, needed in self.links if needed is library]

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        return tuple(edge for file in self.files for edge in self._edges(file))

    @cached_property
    def own_edges(self) -> tuple[Edge, ...]:
        """Those between packages that the distribution itself builds."""
        return tuple(edge for edge in self.edges if edge.library.package not in _C_LIBRARY)

    @cached_property
    def links(self) -> tuple[tuple[BinaryFile, BinaryFile], ...]:
        """Each file with each library that it needs, except the C library."""
        return tuple(
            (file, library)
            for file in self.files
            for library in self.needed(file)
            if library.package not in _C_LIBRARY and library.is_library
        )

    def touched(self, packages: Iterable[str]) -> frozenset[str]:
        """Return these packages and those that load something of them, directly or through others."""
        found = set(packages)
        more = True
        while more:
            new = {user for user, used in self._uses if used in found} - found
            found |= new
            more = bool(new)
        return frozenset(found)

    @cached_property
    def _uses(self) -> frozenset[tuple[str, str]]:
        return frozenset((file.package, loaded.package) for file in self.files for loaded in self._closure(file))

    @cached_property
    def imported(self) -> Counter[str]:
        """How many files import a name."""
        wanted = ((file, symbol) for file in self.files for symbol in file.elf.symbols)
        return Counter(symbol.name for file, symbol in wanted if symbol.imported or symbol.index in file.elf.copied)

    @cached_property
    def copied(self) -> frozenset[str]:
        """The names of which a program has a copy."""
        return frozenset(edge.wanted.name for edge in self.edges if edge.copied)

    def _edges(self, file: BinaryFile) -> Iterable[Edge]:
        needs = {need.index: need for need in file.elf.needs}
        loaded = self._closure(file)
        for symbol in file.elf.symbols:
            if not symbol.imported and symbol.index not in file.elf.copied:
                continue
            need = needs.get(symbol.version & 0x7FFF)
            for library in [self.library(need.library)] if need else loaded:
                exports = library.exports.get(symbol.name, ()) if library is not None else ()
                versions = (
                    {definition.index: definition.name for definition in library.elf.definitions}
                    if library is not None
                    else {}
                )
                fits = [export for export in exports if not need or versions.get(export.version & 0x7FFF) == need.name]
                if fits and library is not None and library is not file:
                    yield Edge(file, symbol, library, fits[0])
                    break

    def _closure(self, file: BinaryFile) -> list[BinaryFile]:
        programs = [program for program in self.files for loader in file.loaders if f"bin/{loader}" in program.places]
        found = list(dict.fromkeys([*self.needed(file), *programs]))
        for loaded in found:  # grows while it is walked
            found += [more for more in self.needed(loaded) if more not in found]
        return found


def _files(parts: Iterable[Part]) -> Iterable[BinaryFile]:
    for part in parts:
        links = [entry.path for entry in part.manifest.entries if isinstance(entry, Link)]
        for path in part.elf:
            content = part.read(path)
            beside = [
                link
                for link in links
                if posixpath.dirname(link) == posixpath.dirname(path)
                and (found := resolve(part.manifest, link)) is not None
                and found.path == path
            ]
            loaders = {plugin.loader for plugin in part.descriptor.plugins if matches(plugin.path, path)}
            yield BinaryFile(part.name, path, content, (path, *beside), tuple(sorted(loaders)))
