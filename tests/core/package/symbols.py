"""Facts of ELF files with symbols that are given one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.core.package.elf.facts import OBJECT, TLS, ExportGroup, ImportGroup, Symbol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.core.package.elf.facts import ElfFacts, ImportedSymbol


def with_symbols(facts: ElfFacts, exports: Iterable[Symbol] = (), imports: Iterable[ImportedSymbol] = ()) -> ElfFacts:
    """Return the same facts with these symbols in place of their own."""
    exported: dict[Symbol, list[Symbol]] = {}
    for symbol in exports:
        exported.setdefault(symbol._replace(name="", size=0), []).append(symbol)
    imported: dict[tuple[str, str, bool, str], list[str]] = {}
    for wanted in imports:
        key = (wanted.library, wanted.version, wanted.weak, wanted.symbol_class)
        imported.setdefault(key, []).append(wanted.name)
    return replace(
        facts,
        exported=tuple(_group_of(common, symbols) for common, symbols in exported.items()),
        imported=tuple(
            ImportGroup(library, version, weak, tuple(names), symbol_class)
            for (library, version, weak, symbol_class), names in imported.items()
        ),
    )


def _group_of(common: Symbol, symbols: list[Symbol]) -> ExportGroup:
    _, version, symbol_class, hidden, later, protected, _ = common
    sizes = tuple(symbol.size for symbol in symbols) if symbol_class in (OBJECT, TLS) else ()
    names = tuple(symbol.name for symbol in symbols)
    return ExportGroup(version, names, symbol_class, hidden, later, protected, sizes)
