"""What the dynamic loader would learn from an ELF file, as values: the words of the symbol proof.

Symbols are named tuples, not dataclasses: there are hundreds of thousands of them in a set, and sets of tuples
compare and hash without running Python code.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


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
    `rpath` has the entries of DT_RUNPATH, else of DT_RPATH, `$ORIGIN` unexpanded. `read_elf` gives symbols in the
    order of the file; in the facts of a package they are sorted (`canonical`).
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

    def canonical(self) -> ElfFacts:
        """Return the same facts with their symbols sorted, so that relinking in another order changes nothing."""
        return replace(
            self,
            exports=tuple(sorted(set(self.exports), key=_by_version)),
            imports=tuple(sorted(set(self.imports), key=_by_origin)),
            version_definitions=tuple(sorted(set(self.version_definitions))),
            version_needs=tuple(sorted(set(self.version_needs))),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as plain values for canonical JSON: symbols are grouped by version and by origin."""
        exports: dict[str, list[str]] = {}
        for symbol in self.exports:
            exports.setdefault(symbol.version, []).append(symbol.name)
        imports: dict[tuple[str, str, bool], list[str]] = {}
        for wanted in self.imports:
            imports.setdefault((wanted.library, wanted.version, wanted.weak), []).append(wanted.name)
        return {
            "soname": self.soname,
            "needed": self.needed,
            "interpreter": self.interpreter,
            "exports": [{"version": version, "names": names} for version, names in exports.items()],
            "imports": [
                {"library": library, "version": version, "weak": weak, "names": names}
                for (library, version, weak), names in imports.items()
            ],
            "rpath": self.rpath,
            "machine": self.machine,
            "version-definitions": self.version_definitions,
            "version-needs": self.version_needs,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> ElfFacts:
        """Read what `to_dict` wrote; `KeyError`, `TypeError` or `ValueError` when it is something else."""
        return cls(
            soname=text(value["soname"]),
            needed=texts(value["needed"]),
            interpreter=text(value["interpreter"]),
            exports=tuple(
                Symbol(name, version)
                for group in value["exports"]
                for version in [text(group["version"])]
                for name in texts(group["names"])
            ),
            imports=tuple(
                ImportedSymbol(name, text(group["version"]), text(group["library"]), bool(group["weak"]))
                for group in value["imports"]
                for name in texts(group["names"])
            ),
            rpath=texts(value["rpath"]),
            machine=text(value["machine"]),
            version_definitions=texts(value["version-definitions"]),
            version_needs=tuple(
                VersionNeed(text(library), text(version), bool(weak))
                for library, version, weak in value["version-needs"]
            ),
        )


def text(value: Any) -> str:
    """Return a string as it is; raises `TypeError` for anything else."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.100} is not a text")
    return value


def texts(values: Any) -> tuple[str, ...]:
    """Return a list of strings as a tuple; raises `TypeError` for anything else."""
    if not isinstance(values, list):
        raise TypeError(f"{values!r:.100} is not a list")
    "".join(values)  # the quickest look at a hundred thousand of them
    return tuple(values)


def _by_version(symbol: Symbol) -> tuple[str, str]:
    return symbol.version, symbol.name


def _by_origin(symbol: ImportedSymbol) -> tuple[str, str, bool, str]:
    return symbol.library, symbol.version, symbol.weak, symbol.name
