"""What the dynamic loader would learn from an ELF file, as values: the words of the symbol proof.

Symbols are named tuples, not dataclasses: there are hundreds of thousands of them in a set, and sets of tuples
compare and hash without running Python code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Symbol(NamedTuple):
    """An exported dynamic symbol. `version` is empty where the library gives it none."""

    name: str
    version: str = ""


class ImportedSymbol(NamedTuple):
    """A dynamic symbol that has to come from elsewhere.

    `version` and `library` (the soname that the version was bound to at link time) are empty where the symbol is
    not versioned. A `weak` import may stay unresolved.
    """

    name: str
    version: str = ""
    library: str = ""
    weak: bool = False


class VersionNeed(NamedTuple):
    """A version that the loader demands of a library at start, used by a symbol or not (`GLIBC_ABI_DT_RELR`)."""

    library: str
    version: str
    weak: bool = False


@dataclass(frozen=True, slots=True)
class ElfFacts:
    """The dynamic facts of one executable or shared library; all empty for a static one.

    `machine` is as in `uname -m` (`x86_64`, `i686`), or `em-N` for one that the farm has no name for.
    `rpath` has the entries of DT_RUNPATH, else of DT_RPATH, `$ORIGIN` unexpanded.
    """

    soname: str = ""
    needed: tuple[str, ...] = ()
    interpreter: str = ""
    exports: tuple[Symbol, ...] = ()
    imports: tuple[ImportedSymbol, ...] = ()
    rpath: tuple[str, ...] = ()
    machine: str = "x86_64"
    version_definitions: tuple[str, ...] = ()
    version_needs: tuple[VersionNeed, ...] = ()
