"""What the dynamic loader reads from an ELF file, as values: the terms of the symbol proof.

Symbols are stored by their common properties (version, class, visibility), as names in a tuple: a set has hundreds of
thousands of them, and a name in a group costs a pointer, where a value for each symbol costs an object that the garbage
collector visits.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from farm.core.package.elf.details import EXECUTABLE, PIE, ElfDetails, number, text, texts

if TYPE_CHECKING:
    from collections.abc import Mapping

FUNCTION, OBJECT, TLS, UNTYPED = "function", "object", "tls", ""
_CLASSES = frozenset((FUNCTION, OBJECT, TLS, UNTYPED))
_SIZED = (OBJECT, TLS)


class Symbol(NamedTuple):
    """An exported dynamic symbol. `version` is empty where the library gives it none.

    `symbol_class` is `function` (indirect ones too), `object`, `tls`, or empty where the file does not say. A `hidden`
    symbol satisfies only imports of exactly its version. `later` means that its version index is 3 or more, so that it
    does not satisfy files linked before the library had versions. `protected`: the library itself always uses its own
    definition. `size` is in bytes, only for objects and thread-local variables.
    """

    name: str
    version: str = ""
    symbol_class: str = UNTYPED
    hidden: bool = False
    later: bool = False
    protected: bool = False
    size: int = 0


class ImportedSymbol(NamedTuple):
    """A dynamic symbol that another file has to define.

    `version` and `library` (the soname that the version was bound to at link time) are empty where the symbol is
    not versioned. A `weak` import may stay unresolved. `symbol_class` is as in `Symbol`.
    """

    name: str
    version: str = ""
    library: str = ""
    weak: bool = False
    symbol_class: str = UNTYPED


class ExportGroup(NamedTuple):
    """The exported symbols that have everything in common except name and size; the fields are those of `Symbol`."""

    version: str
    names: tuple[str, ...]
    symbol_class: str = UNTYPED
    hidden: bool = False
    later: bool = False
    protected: bool = False
    sizes: tuple[int, ...] = ()


class ImportGroup(NamedTuple):
    """The imported symbols of one class, from one version of one library, all weak or all not."""

    library: str
    version: str
    weak: bool
    names: tuple[str, ...]
    symbol_class: str = UNTYPED


class VersionNeed(NamedTuple):
    """A version that the loader requires from a library at start, used by a symbol or not (`GLIBC_ABI_DT_RELR`)."""

    library: str
    version: str
    weak: bool = False


@dataclass(frozen=True, slots=True)
class ElfFacts:
    """The dynamic facts of one executable or shared library; all empty for a static one.

    `machine` is as in `uname -m` (`x86_64`, `i686`), or `em-N` for one that the farm has no name for. `rpath` and
    `runpath` have the unchanged entries of DT_RPATH and DT_RUNPATH: also empty ones, with `$ORIGIN` unexpanded.
    `version_definitions` are all that the loader finds, including the name of the file itself (the base). No two groups
    of symbols have everything in common, and none is empty. `read_elf` returns them in the order of the file; in the
    facts of a package they are sorted (`canonical`).

    `details` are None in facts of format 1. Those have neither the class of symbols nor which are hidden; their
    `runpath` has the entries of DT_RUNPATH, else of DT_RPATH, without empty ones, their `version_definitions` lack the
    base, and a symbol that the loader copies from a library is an import and an export.
    """

    soname: str = ""
    needed: tuple[str, ...] = ()
    interpreter: str = ""
    exported: tuple[ExportGroup, ...] = ()
    imported: tuple[ImportGroup, ...] = ()
    rpath: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    machine: str = "x86_64"
    version_definitions: tuple[str, ...] = ()
    version_needs: tuple[VersionNeed, ...] = ()
    details: ElfDetails | None = field(default_factory=ElfDetails)

    @property
    def is_program(self) -> bool:
        """Whether the file is started, not loaded by another file. For facts of format 1 this is a guess."""
        if self.details:
            return self.details.kind in {EXECUTABLE, PIE}
        return bool(self.interpreter) and not self.soname

    @property
    def exports(self) -> tuple[Symbol, ...]:
        """The exported symbols one by one."""
        return tuple(
            Symbol(name, version, symbol_class, hidden, later, protected, size)
            for version, names, symbol_class, hidden, later, protected, sizes in self.exported
            for name, size in zip(names, sizes or [0] * len(names), strict=True)
        )

    @property
    def imports(self) -> tuple[ImportedSymbol, ...]:
        """The imported symbols one by one."""
        return tuple(
            ImportedSymbol(name, version, library, weak, symbol_class)
            for library, version, weak, names, symbol_class in self.imported
            for name in names
        )

    def canonical(self) -> ElfFacts:
        """Return the same facts with their symbols sorted, so that relinking in another order changes nothing."""
        details = self.details
        return replace(
            self,
            exported=tuple(sorted(map(_sorted_exports, self.exported))),
            imported=tuple(sorted(group._replace(names=_sorted(group.names)) for group in self.imported)),
            version_definitions=_sorted(self.version_definitions),
            version_needs=tuple(sorted(set(self.version_needs))),
            details=details and replace(details, copies=tuple(sorted(details.copies))),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as plain values for canonical JSON, in their own format."""
        own = {
            "soname": self.soname,
            "needed": self.needed,
            "interpreter": self.interpreter,
            "machine": self.machine,
            "version-definitions": self.version_definitions,
            "version-needs": self.version_needs,
        }
        if self.details is None:
            return own | {
                "exports": [{"version": group.version, "names": group.names} for group in self.exported],
                "imports": [dict(zip(_IMPORT_FIELDS[:-1], group[:-1], strict=True)) for group in self.imported],
                "rpath": self.runpath,
            }
        return own | {
            "exports": [dict(zip(_EXPORT_FIELDS, group, strict=True)) for group in self.exported],
            "imports": [dict(zip(_IMPORT_FIELDS, group, strict=True)) for group in self.imported],
            "rpath": self.rpath,
            "runpath": self.runpath,
            **self.details.to_dict(),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any], *, old: bool = False) -> ElfFacts:
        """Read the result of `to_dict`, of format 1 if `old`.

        Raises `KeyError`, `TypeError`, `ValueError`, `InvalidRecordError`.
        """
        exported = dict(map(_old_exports if old else _exports, value["exports"]))
        imported = dict(map(_old_imports if old else _imports, value["imports"]))
        # Duplicates are dropped here, so they do not encode to the same bytes again.
        return cls(
            soname=text(value["soname"]),
            needed=texts(value["needed"]),
            interpreter=text(value["interpreter"]),
            exported=tuple(group for group in exported.values() if group.names),
            imported=tuple(group for group in imported.values() if group.names),
            rpath=() if old else texts(value["rpath"]),
            runpath=texts(value["rpath" if old else "runpath"]),
            machine=text(value["machine"]),
            version_definitions=texts(value["version-definitions"]),
            version_needs=tuple(
                VersionNeed(text(library), text(version), bool(weak))
                for library, version, weak in value["version-needs"]
            ),
            details=None if old else ElfDetails.from_dict({key: value[key] for key in value.keys() - _OWN}),
        )


_OWN = {
    *("path", "soname", "needed", "interpreter", "machine", "version-definitions", "version-needs"),
    *("exports", "imports", "rpath", "runpath"),
}
"""The members of an ELF file in the facts of a package that are not its details."""
_EXPORT_FIELDS = ("version", "names", "class", "hidden", "later", "protected", "sizes")
_IMPORT_FIELDS = ("library", "version", "weak", "names", "class")


def _exports(value: Mapping[str, Any]) -> tuple[tuple[object, ...], ExportGroup]:
    group = ExportGroup(
        text(value["version"]),
        texts(value["names"]),
        _symbol_class(value["class"]),
        bool(value["hidden"]),
        bool(value["later"]),
        bool(value["protected"]),
        tuple(map(number, value["sizes"])),
    )
    if len(group.sizes) != (len(group.names) if group.symbol_class in _SIZED else 0):
        raise ValueError("the sizes of symbols are not one for each")
    return (group.version, *group[2:-1]), group


def _imports(value: Mapping[str, Any]) -> tuple[tuple[object, ...], ImportGroup]:
    origin, group = _old_imports(value)
    symbol_class = _symbol_class(value["class"])
    return (*origin, symbol_class), group._replace(symbol_class=symbol_class)


def _old_exports(value: Mapping[str, Any]) -> tuple[tuple[object, ...], ExportGroup]:
    group = ExportGroup(text(value["version"]), texts(value["names"]))
    return (group.version,), group


def _old_imports(value: Mapping[str, Any]) -> tuple[tuple[object, ...], ImportGroup]:
    group = ImportGroup(text(value["library"]), text(value["version"]), bool(value["weak"]), texts(value["names"]))
    return group[:3], group


def _symbol_class(value: Any) -> str:
    if value not in _CLASSES:
        raise ValueError(f"{value!r:.100} is not a class of symbols")
    return text(value)


def _sorted_exports(group: ExportGroup) -> ExportGroup:
    if not group.sizes:
        return group._replace(names=_sorted(group.names))
    names, sizes = zip(*sorted(set(zip(group.names, group.sizes, strict=True))), strict=True)
    return group._replace(names=names, sizes=sizes)


def _sorted(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))
