"""What the dynamic loader would learn from an ELF file, as values: the words of the symbol proof.

Symbols are kept by the version that they share, as names in a tuple: there are hundreds of thousands of them in a
set, and a name in a group costs a pointer, where a value for each symbol costs an object that the collector visits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


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


class ExportGroup(NamedTuple):
    """The exported symbols of one version."""

    version: str
    names: tuple[str, ...]


class ImportGroup(NamedTuple):
    """The imported symbols that are to come from one version of one library, weakly or not."""

    library: str
    version: str
    weak: bool
    names: tuple[str, ...]


class VersionNeed(NamedTuple):
    """A version that the loader demands of a library at start, used by a symbol or not (`GLIBC_ABI_DT_RELR`)."""

    library: str
    version: str
    weak: bool = False


@dataclass(frozen=True, slots=True)
class ElfFacts:
    """The dynamic facts of one executable or shared library; all empty for a static one.

    `machine` is as in `uname -m` (`x86_64`, `i686`), or `em-N` for one that the farm has no name for.
    `rpath` has the entries of DT_RUNPATH, else of DT_RPATH, `$ORIGIN` unexpanded. No two groups of symbols are of
    the same version, and none is empty. `read_elf` gives them in the order of the file; in the facts of a package
    they are sorted (`canonical`).
    """

    soname: str = ""
    needed: tuple[str, ...] = ()
    interpreter: str = ""
    exported: tuple[ExportGroup, ...] = ()
    imported: tuple[ImportGroup, ...] = ()
    rpath: tuple[str, ...] = ()
    machine: str = "x86_64"
    version_definitions: tuple[str, ...] = ()
    version_needs: tuple[VersionNeed, ...] = ()

    @property
    def exports(self) -> tuple[Symbol, ...]:
        """The exported symbols one by one."""
        return tuple(Symbol(name, version) for version, names in self.exported for name in names)

    @property
    def imports(self) -> tuple[ImportedSymbol, ...]:
        """The imported symbols one by one."""
        return tuple(
            ImportedSymbol(name, version, library, weak)
            for library, version, weak, names in self.imported
            for name in names
        )

    def with_symbols(self, exports: Iterable[Symbol] = (), imports: Iterable[ImportedSymbol] = ()) -> ElfFacts:
        """Return the same facts with these symbols in place of their own."""
        exported: dict[str, list[str]] = {}
        for symbol in exports:
            exported.setdefault(symbol.version, []).append(symbol.name)
        imported: dict[tuple[str, str, bool], list[str]] = {}
        for wanted in imports:
            imported.setdefault((wanted.library, wanted.version, wanted.weak), []).append(wanted.name)
        return replace(self, exported=export_groups(exported), imported=import_groups(imported))

    def canonical(self) -> ElfFacts:
        """Return the same facts with their symbols sorted, so that relinking in another order changes nothing."""
        return replace(
            self,
            exported=tuple(sorted(group._replace(names=_sorted(group.names)) for group in self.exported)),
            imported=tuple(sorted(group._replace(names=_sorted(group.names)) for group in self.imported)),
            version_definitions=tuple(sorted(set(self.version_definitions))),
            version_needs=tuple(sorted(set(self.version_needs))),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as plain values for canonical JSON."""
        return {
            "soname": self.soname,
            "needed": self.needed,
            "interpreter": self.interpreter,
            "exports": [group._asdict() for group in self.exported],
            "imports": [group._asdict() for group in self.imported],
            "rpath": self.rpath,
            "machine": self.machine,
            "version-definitions": self.version_definitions,
            "version-needs": self.version_needs,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> ElfFacts:
        """Read what `to_dict` wrote; `KeyError`, `TypeError` or `ValueError` when it is something else."""
        exported = {text(group["version"]): texts(group["names"]) for group in value["exports"]}
        imported = {
            (text(group["library"]), text(group["version"]), bool(group["weak"])): texts(group["names"])
            for group in value["imports"]
        }
        # What was given twice is lost here, and so is not encoded again to what it was.
        return cls(
            soname=text(value["soname"]),
            needed=texts(value["needed"]),
            interpreter=text(value["interpreter"]),
            exported=export_groups(exported),
            imported=import_groups(imported),
            rpath=texts(value["rpath"]),
            machine=text(value["machine"]),
            version_definitions=texts(value["version-definitions"]),
            version_needs=tuple(
                VersionNeed(text(library), text(version), bool(weak))
                for library, version, weak in value["version-needs"]
            ),
        )


def export_groups(names_by_version: Mapping[str, Sequence[str]]) -> tuple[ExportGroup, ...]:
    """Return the groups of these names, without those that hold none."""
    return tuple(ExportGroup(version, tuple(names)) for version, names in names_by_version.items() if names)


def import_groups(names_by_origin: Mapping[tuple[str, str, bool], Sequence[str]]) -> tuple[ImportGroup, ...]:
    """Return the groups of these names, by library, version and weakness, without those that hold none."""
    return tuple(ImportGroup(*origin, tuple(names)) for origin, names in names_by_origin.items() if names)


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


def _sorted(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))
