"""The dynamic symbol table of an ELF file, split into exports and imports.

Libraries have up to a hundred thousand symbols, so they are read by column and classified by `map` and `compress`,
without Python code for each; what remains is making the names and, where a file has many versions, grouping the names
by version.
"""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from farm.core.package.elf.details import CopiedSymbol
from farm.core.package.elf.facts import FUNCTION, OBJECT, TLS, UNTYPED, ExportGroup, ImportGroup, VersionNeed
from farm.core.package.elf.image import InvalidElfError
from farm.core.package.elf.symbol_count import count_symbols

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from farm.core.package.elf.image import ElfImage
    from farm.core.package.elf.strings import ElfStrings
    from farm.core.package.elf.versions import SymbolVersions

_DT_SYMTAB, _DT_VERSYM = 6, 0x6FFFFFF0
_SHN_UNDEF, _SHN_ABS = 0, 0xFFF1
_BINDINGS = _GLOBAL, _WEAK, _UNIQUE = 1, 2, 10
_DEFAULT, _PROTECTED = 0, 3
_HIDDEN_VERSION = 0x8000
# The types of symbols that a loader accepts (`ALLOWED_STT`); common is data, an indirect function a function.
_CLASS_OF_TYPE = {0: UNTYPED, 1: OBJECT, 2: FUNCTION, 5: OBJECT, 6: TLS, 10: FUNCTION}
_CLASSES = (UNTYPED, FUNCTION, OBJECT, TLS)
_SIZED = (OBJECT, TLS)
_Meaning = TypeVar("_Meaning")
_Item = TypeVar("_Item")

# A symbol's role is one byte: these bits, and from `_CLASS` on the number of its class.
_IS_IMPORT, _IS_EXPORT, _IS_WEAK, _IS_PROTECTED, _MAY_BE_ZERO, _CLASS = 1, 2, 4, 8, 16, 32
_ROLES = bytes(range(256))
_IMPORTS = bytes.maketrans(_ROLES, bytes(bool(role & _IS_IMPORT) for role in _ROLES))
_EXPORTS = bytes.maketrans(_ROLES, bytes(bool(role & _IS_EXPORT) for role in _ROLES))
_VALUED = bytes.maketrans(_ROLES, bytes(bool(role & _IS_EXPORT) and not role & _MAY_BE_ZERO for role in _ROLES))
_WITHOUT_ZERO = bytes.maketrans(_ROLES, bytes(role & ~_MAY_BE_ZERO for role in _ROLES))


class DynamicSymbols(NamedTuple):
    """The exports and imports of a file, each group in the order of the table, and the variables that it copies."""

    exported: tuple[ExportGroup, ...] = ()
    imported: tuple[ImportGroup, ...] = ()
    copies: tuple[CopiedSymbol, ...] = ()


class _Table(NamedTuple):
    """The columns of the symbol table: offsets of names, attributes, values, sizes, and entries of .gnu.version."""

    names: list[int]
    attributes: list[int]
    values: list[int]
    sizes: memoryview[int]
    indices: list[int]


def read_symbols(
    image: ElfImage,
    tags: dict[int, int],
    strings: ElfStrings,
    versions: SymbolVersions,
    copied: Sequence[int] = (),
) -> DynamicSymbols:
    """Read the symbols; `copied` are the numbers of those that relocations copy.

    An export is what a loader accepts as a definition: global, weak or unique, visible outside, with a value; an import
    is an undefined symbol. Raises `InvalidElfError`.
    """
    if _DT_SYMTAB not in tags:
        return DynamicSymbols()
    table = _columns(image, tags, versions)
    # Few values occur among very many symbols, so each value is classified once.
    role_of = {value: _role(value, big_endian=image.big_endian) for value in set(table.attributes)}
    roles = bytes(map(role_of.__getitem__, table.attributes))
    if 0 in compress(table.values, roles.translate(_VALUED)):
        roles = _without_undefined(roles, table.values)
    roles = roles.translate(_WITHOUT_ZERO)
    exported, imported = roles.translate(_EXPORTS), roles.translate(_IMPORTS)
    names = strings.all_at(list(compress(table.names, exported)))
    exports = tuple(_exports(names, table, roles, exported, versions))
    names = strings.all_at(list(compress(table.names, imported)))
    indices = list(compress(table.indices, imported))
    imports = tuple(_imports(names, indices, bytes(compress(roles, imported)), versions))
    return DynamicSymbols(exports, imports, tuple(_copies(copied, table, strings, versions)))


def _columns(image: ElfImage, tags: dict[int, int], versions: SymbolVersions) -> _Table:
    words = 6 if image.is_64 else 4  # Elf64_Sym has 24 bytes, Elf32_Sym 16
    count = count_symbols(image, tags, words * 4)
    part = image.loaded(tags[_DT_SYMTAB], "symbol table", count * words * 4)
    table = image.integers(part, 4)
    indices = [0] * count
    # Without both version tables a loader ignores this one.
    if _DT_VERSYM in tags and (versions.defined or versions.needed or versions.base):
        indices = image.integers(image.loaded(tags[_DT_VERSYM], "table of symbol versions", count * 2), 2).tolist()
    # The first word is the name; binding, visibility and section share the second, or in 32 bits the last.
    if not image.is_64:
        names, attributes, values = (table[column::4].tolist() for column in (0, 3, 1))
        return _Table(names, attributes, values, table[2::4], indices)
    wide = image.integers(part, 8)
    return _Table(table[0::6].tolist(), table[1::6].tolist(), wide[1::3].tolist(), wide[2::3], indices)


def _role(attributes: int, *, big_endian: bool) -> int:
    """Classify a symbol by the word that holds st_info, st_other and st_shndx."""
    if big_endian:
        info, other, section = attributes >> 24, attributes >> 16 & 0xFF, attributes & 0xFFFF
    else:
        info, other, section = attributes & 0xFF, attributes >> 8 & 0xFF, attributes >> 16
    binding, kind, visibility = info >> 4, _CLASS_OF_TYPE.get(info & 15), other & 3
    if binding not in _BINDINGS:
        return 0
    symbol_class = _CLASS * _CLASSES.index(kind or UNTYPED)
    if section == _SHN_UNDEF:
        return symbol_class | _IS_IMPORT | (_IS_WEAK if binding == _WEAK else 0)
    if kind is None or visibility not in (_DEFAULT, _PROTECTED):
        return 0
    zero = _MAY_BE_ZERO if section == _SHN_ABS or kind == TLS else 0
    return symbol_class | _IS_EXPORT | zero | (_IS_PROTECTED if visibility == _PROTECTED else 0)


def _without_undefined(roles: bytes, values: list[int]) -> bytes:
    """Return the roles with exports that have no value changed to imports.

    No loader accepts such an export as a definition; where the file itself refers to it, the loader searches another.
    """
    return bytes(
        role & -_CLASS | _IS_IMPORT if role & _IS_EXPORT and not role & _MAY_BE_ZERO and not value else role
        for role, value in zip(roles, values, strict=True)
    )


def _exports(
    names: list[str], table: _Table, roles: bytes, exported: bytes, versions: SymbolVersions
) -> Iterator[ExportGroup]:
    """Yield the groups of the exported symbols, whose names are `names`; `table` and `roles` are of all symbols."""
    indices = list(compress(table.indices, exported))
    meanings = {
        index: (_origin(index, versions).version, bool(index & _HIDDEN_VERSION), index & ~_HIDDEN_VERSION > 2)
        for index in set(indices)
    }
    for role, chosen in _by_role(bytes(compress(roles, exported))):
        kind, protected = _CLASSES[role // _CLASS], bool(role & _IS_PROTECTED)
        if kind not in _SIZED:
            for (version, hidden, later), group in _grouped(names, indices, chosen, meanings).items():
                yield ExportGroup(version, tuple(group), kind, hidden, later, protected)
            continue
        own_sizes = [table.sizes[place] for place in compress(range(len(roles)), roles.translate(_only(role)))]
        sizes_of = _grouped(own_sizes, list(compress(indices, chosen)), b"\1" * len(own_sizes), meanings)
        for (version, hidden, later), group in _grouped(names, indices, chosen, meanings).items():
            own = tuple(sizes_of[version, hidden, later])
            yield ExportGroup(version, tuple(group), kind, hidden, later, protected, own)


def _imports(names: list[str], indices: list[int], roles: bytes, versions: SymbolVersions) -> Iterator[ImportGroup]:
    meanings = {index: _origin(index, versions)[:2] for index in set(indices)}
    for role, chosen in _by_role(roles):
        for (library, version), group in _grouped(names, indices, chosen, meanings).items():
            yield ImportGroup(library, version, bool(role & _IS_WEAK), tuple(group), _CLASSES[role // _CLASS])


def _by_role(roles: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each role that occurs, with ones at its positions."""
    for role in sorted(set(roles)):
        yield role, roles.translate(_only(role))


def _only(role: int) -> bytes:
    """Return a translation table with a one for this role, and a zero for all others."""
    table = bytearray(256)
    table[role] = 1
    return bytes(table)


def _grouped(
    items: Sequence[_Item], keys: Sequence[int], chosen: bytes, meanings: Mapping[int, _Meaning]
) -> dict[_Meaning, list[_Item]]:
    """Group the chosen items by the meaning of their keys; several keys may have the same meaning."""
    own = list(compress(items, chosen))
    if len(meanings) == 1:
        return dict.fromkeys(meanings.values(), own)
    own_keys = list(compress(keys, chosen))
    groups: dict[_Meaning, list[_Item]] = {}
    append = {key: groups.setdefault(meanings[key], []).append for key in dict.fromkeys(own_keys)}
    for item, key in zip(own, own_keys, strict=True):
        append[key](item)
    return groups


def _copies(
    copied: Sequence[int], table: _Table, strings: ElfStrings, versions: SymbolVersions
) -> Iterator[CopiedSymbol]:
    for number in copied:
        if number >= len(table.names):
            raise InvalidElfError("a relocation copies a symbol that is not in the table")
        library, version, _ = _origin(table.indices[number], versions)
        yield CopiedSymbol(strings.at(table.names[number]), version, library, table.sizes[number])


def _origin(index: int, versions: SymbolVersions) -> VersionNeed:
    """Decode an entry of .gnu.version, whose highest bit means hidden, and where 0 and 1 are no version."""
    index &= ~_HIDDEN_VERSION
    if index in versions.needed:
        return versions.needed[index]
    if index in versions.defined:
        return VersionNeed("", versions.defined[index])
    if index > 1:
        raise InvalidElfError(f"a symbol has the version number {index}, which no table explains")
    return VersionNeed("", "")
