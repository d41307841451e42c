"""The symbols that libraries export in one of two builds only, or with another size."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.core.names.form import Form

if TYPE_CHECKING:
    from farm.core.package.facts import PackageFacts


@dataclass(frozen=True, slots=True)
class ResizedSymbol(Form, record="symbol of another size"):
    """An object or thread-local variable, as `name` or `name@VERSION`, and its sizes in bytes.

    Programs copy objects by the size that they were linked with, so a change breaks them.
    """

    symbol: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class SymbolChange(Form, record="symbols of a library"):
    """The exported symbols of the library `soname` that differ, as `name` or `name@VERSION`, sorted.

    `before` and `after`: whether the build has the library at all.
    """

    soname: str
    before: bool
    after: bool
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    resized: tuple[ResizedSymbol, ...] = ()

    @property
    def breaks(self) -> bool:
        """Whether programs that were linked with the first build may fail with the second."""
        return bool(self.removed or self.resized or (self.before and not self.after))

    @property
    def mirrored(self) -> SymbolChange:
        """The same change in the other direction."""
        resized = tuple(replace(symbol, before=symbol.after, after=symbol.before) for symbol in self.resized)
        return SymbolChange(self.soname, self.after, self.before, self.removed, self.added, resized)


def symbol_changes(before: PackageFacts | None, after: PackageFacts | None) -> tuple[SymbolChange, ...]:
    """Return the libraries whose exported symbols differ, by soname; files without a soname are no libraries."""
    old, new = _exports(before), _exports(after)
    found = []
    for soname in sorted(old.keys() | new.keys()):
        was, now = old.get(soname, {}), new.get(soname, {})
        if was != now or (soname in old) != (soname in new):
            both = sorted(was.keys() & now.keys())
            change = SymbolChange(
                soname,
                soname in old,
                soname in new,
                added=tuple(sorted(now.keys() - was.keys())),
                removed=tuple(sorted(was.keys() - now.keys())),
                resized=tuple(ResizedSymbol(name, was[name], now[name]) for name in both if was[name] != now[name]),
            )
            found.append(change)
    return tuple(found)


def _exports(facts: PackageFacts | None) -> dict[str, dict[str, int]]:
    """Return the exported symbols of each library, with their sizes; 0 for functions."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for file in facts.elf if facts else ():
        if file.facts.soname:
            symbols = found[file.facts.soname]
            for symbol in file.facts.exports:
                symbols[f"{symbol.name}@{symbol.version}" if symbol.version else symbol.name] = symbol.size
    return dict(found)
