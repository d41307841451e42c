"""From the tree that a build installed under DESTDIR to the packages made of it: which file goes where, or nowhere.

Decides by paths alone; reads and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.fileset import Entry


@dataclass(frozen=True, slots=True)
class OutputRule:
    """The output `name` takes what any of `paths` matches: globs over package paths (`include/**`, `lib/*.a`)."""

    name: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutputRules:
    """The declared outputs, first match first. A `doc` output is added after them unless one is declared."""

    outputs: tuple[OutputRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """One package to be made: pairs of a path under DESTDIR and the entry that it becomes, sorted by entry path."""

    files: tuple[tuple[str, Entry], ...]
