"""Symbol versions (LSB core, "Symbol Versioning"): the tables behind .gnu.version_d and .gnu.version_r.

Both tables are linked lists of byte distances; they are followed for no more entries than indices exist.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.package.elf.facts import VersionNeed
from farm.core.package.elf.image import InvalidElfError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.core.package.elf.image import ElfImage
    from farm.core.package.elf.strings import ElfStrings

_DT_VERDEF, _DT_VERDEFNUM, _DT_VERNEED, _DT_VERNEEDNUM = 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF
_MOST = 0x8000  # an index has 15 bits
_FLAG_BASE, _FLAG_WEAK = 1, 2


@dataclass(frozen=True, slots=True)
class SymbolVersions:
    """Versions by the index that .gnu.version gives a symbol: those the file defines, and those it needs.

    `base` are the names that the file defines as its own: a loader that searches for a version finds them, too, but
    they are not the version of a symbol.
    """

    defined: dict[int, str]
    needed: dict[int, VersionNeed]
    base: tuple[str, ...] = ()


def read_versions(image: ElfImage, tags: dict[int, int], strings: ElfStrings) -> SymbolVersions:
    """Read both tables, as far as `tags` of the dynamic section say that they exist. Raises `InvalidElfError`."""
    defined: dict[int, str] = {}
    needed: dict[int, VersionNeed] = {}
    base: list[str] = []
    if _DT_VERDEF in tags:
        table = image.loaded(tags[_DT_VERDEF], "table of defined versions")
        for flags, index, name in _definitions(image.order, table, tags.get(_DT_VERDEFNUM, 0), strings):
            if flags & _FLAG_BASE:
                base.append(name)
            else:
                defined[index] = name
    if _DT_VERNEED in tags:
        table = image.loaded(tags[_DT_VERNEED], "table of needed versions")
        needed = _needs(image.order, table, tags.get(_DT_VERNEEDNUM, 0), strings)
    return SymbolVersions(defined, needed, tuple(base))


def _definitions(order: str, table: memoryview, count: int, strings: ElfStrings) -> Iterator[tuple[int, int, str]]:
    """Yield flags, index and name of each definition."""
    definition = struct.Struct(f"{order}HHHHIII")
    name_offset = struct.Struct(f"{order}I")
    offset = 0
    for _ in range(_bounded(count)):
        _, flags, index, _, _, auxiliary, distance = _unpack(definition, table, offset)
        yield flags, index & 0x7FFF, strings.at(*_unpack(name_offset, table, offset + auxiliary))
        if not distance:
            break
        offset += distance


def _needs(order: str, table: memoryview, count: int, strings: ElfStrings) -> dict[int, VersionNeed]:
    need = struct.Struct(f"{order}HHIII")
    auxiliary = struct.Struct(f"{order}IHHII")
    found: dict[int, VersionNeed] = {}
    followed = 0
    offset = 0
    for _ in range(_bounded(count)):
        _, versions, file, first, distance = _unpack(need, table, offset)
        library = strings.at(file)
        position = offset + first
        for _ in range(versions):
            _, flags, index, name, step = _unpack(auxiliary, table, position)
            found[index & 0x7FFF] = VersionNeed(library, strings.at(name), bool(flags & _FLAG_WEAK))
            followed = _bounded(followed + 1)
            if not step:
                break
            position += step
        if not distance:
            break
        offset += distance
    return found


def _unpack(layout: struct.Struct, table: memoryview, offset: int) -> tuple[int, ...]:
    if offset + layout.size > len(table):
        raise InvalidElfError("a table of versions reaches beyond its segment")
    return layout.unpack_from(table, offset)


def _bounded(count: int) -> int:
    if count > _MOST:
        raise InvalidElfError(f"a table claims {count} versions, and there can be {_MOST}")
    return count
