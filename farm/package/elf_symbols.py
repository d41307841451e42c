"""The dynamic symbol table of an ELF file, split into what the file exports and what it imports.

Libraries have up to a hundred thousand symbols, so they are read by column and sorted out by `map` and `compress`,
without Python code for each; what remains is the making of the names and, where a file has many versions, their
distribution over these.
"""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, TypeVar

from farm.package.elf_facts import ExportGroup, ImportGroup, VersionNeed, export_groups, import_groups
from farm.package.elf_image import InvalidElfError
from farm.package.elf_symbol_count import count_symbols

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from farm.package.elf_image import ElfImage
    from farm.package.elf_strings import ElfStrings
    from farm.package.elf_versions import SymbolVersions

_DT_SYMTAB, _DT_VERSYM = 6, 0x6FFFFFF0
_SHN_UNDEF = 0
_BINDINGS = _GLOBAL, _WEAK, _UNIQUE = 1, 2, 10
_VISIBLE = _DEFAULT, _PROTECTED = 0, 3
_Key = TypeVar("_Key")
_Meaning = TypeVar("_Meaning")

_IS_IMPORT, _IS_EXPORT, _IS_WEAK = 1, 2, 4
_ROLES = bytes(range(8))
_IMPORTS = bytes.maketrans(_ROLES, bytes(bool(role & _IS_IMPORT) for role in _ROLES))
_EXPORTS = bytes.maketrans(_ROLES, bytes(bool(role & _IS_EXPORT) for role in _ROLES))


def read_symbols(
    image: ElfImage, tags: dict[int, int], strings: ElfStrings, versions: SymbolVersions
) -> tuple[tuple[ExportGroup, ...], tuple[ImportGroup, ...]]:
    """Return exported and imported symbols, each group in the order of the table, copy relocations last of the imports.

    Exported is what is defined, global, weak or unique, and visible outside; imported what is not defined. A symbol
    that is defined with a version of another library is the executable's copy of that library's variable: both.
    Raises `InvalidElfError`.
    """
    if _DT_SYMTAB not in tags:
        return (), ()
    words = 6 if image.is_64 else 4  # Elf64_Sym has 24 bytes, Elf32_Sym 16
    count = count_symbols(image, tags, words * 4)
    table = image.integers(image.loaded(tags[_DT_SYMTAB], "symbol table", count * words * 4), 4)
    # The first word is the name; binding, visibility and section share the second, or in 32 bits the last.
    names = table[0::words].tolist()
    attributes = table[1 if image.is_64 else 3 :: words].tolist()
    indices = [0] * count
    if _DT_VERSYM in tags:
        indices = image.integers(image.loaded(tags[_DT_VERSYM], "table of symbol versions", count * 2), 2).tolist()

    # Few values occur among very many, so each is judged once.
    role_of = {value: _role(value, big_endian=image.big_endian) for value in set(attributes)}
    roles = bytes(map(role_of.__getitem__, attributes))
    exported, imported = roles.translate(_EXPORTS), roles.translate(_IMPORTS)

    export_names = strings.all_at(list(compress(names, exported)))
    export_indices = list(compress(indices, exported))
    version_of = {index: _origin(index, versions).version for index in set(export_indices)}
    exports = _grouped(export_names, export_indices, version_of)

    import_names = strings.all_at(list(compress(names, imported)))
    wanted = list(zip(compress(indices, imported), compress(roles, imported), strict=True))
    origin_of = {key: _import_origin(*key, versions) for key in set(wanted)}
    imports = _grouped(import_names, wanted, origin_of)
    if any(index & 0x7FFF in versions.needed for index in version_of):
        _add_copies(imports, zip(export_names, export_indices, compress(roles, exported), strict=True), versions)
    return export_groups(exports), import_groups(imports)


def _role(attributes: int, *, big_endian: bool) -> int:
    """Judge a symbol by the word that holds st_info, st_other and st_shndx."""
    if big_endian:
        info, other, section = attributes >> 24, attributes >> 16 & 0xFF, attributes & 0xFFFF
    else:
        info, other, section = attributes & 0xFF, attributes >> 8 & 0xFF, attributes >> 16
    binding, visibility = info >> 4, other & 3
    if binding not in _BINDINGS:
        return 0
    weak = _IS_WEAK if binding == _WEAK else 0
    if section == _SHN_UNDEF:
        return _IS_IMPORT | weak
    return _IS_EXPORT | weak if visibility in _VISIBLE else 0


def _grouped(names: list[str], keys: Sequence[_Key], meanings: Mapping[_Key, _Meaning]) -> dict[_Meaning, list[str]]:
    """Sort names out by what their keys mean; several keys may mean the same."""
    if len(meanings) == 1:
        return dict.fromkeys(meanings.values(), names)
    groups: dict[_Meaning, list[str]] = {}
    append = {key: groups.setdefault(meanings[key], []).append for key in dict.fromkeys(keys)}
    for name, key in zip(names, keys, strict=True):
        append[key](name)
    return groups


def _add_copies(
    imports: dict[tuple[str, str, bool], list[str]],
    exported: Iterable[tuple[str, int, int]],
    versions: SymbolVersions,
) -> None:
    for name, index, role in exported:
        if index & 0x7FFF in versions.needed:
            imports.setdefault(_import_origin(index, role, versions), []).append(name)


def _import_origin(index: int, role: int, versions: SymbolVersions) -> tuple[str, str, bool]:
    library, version, _ = _origin(index, versions)
    return library, version, bool(role & _IS_WEAK)


def _origin(index: int, versions: SymbolVersions) -> VersionNeed:
    """Explain an entry of .gnu.version, whose highest bit says hidden, and where 0 and 1 are no version."""
    index &= 0x7FFF
    if index in versions.needed:
        return versions.needed[index]
    if index in versions.defined:
        return VersionNeed("", versions.defined[index])
    if index > 1:
        raise InvalidElfError(f"a symbol has the version number {index}, which no table explains")
    return VersionNeed("", "")
