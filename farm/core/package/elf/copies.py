"""Finds copy relocations: library variables that the loader copies into an executable when it starts."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.core.package.elf.image import ElfImage

_DT_RELA, _DT_RELASZ, _DT_RELACOUNT = 7, 8, 0x6FFFFFF9
_DT_REL, _DT_RELSZ, _DT_RELCOUNT = 17, 18, 0x6FFFFFFA
_COPY = {"x86_64": 5, "x32": 5, "i686": 5, "aarch64": 1024}
"""R_X86_64_COPY, R_386_COPY, R_AARCH64_COPY, from the psABI of each. Other machines are not examined."""


def copied_symbols(image: ElfImage, tags: dict[int, int]) -> list[int]:
    """Return the numbers of the symbols that are copied, sorted. Raises `InvalidElfError`."""
    copy = _COPY.get(image.machine)
    found: set[int] = set()
    for start, length, relative, fields in (
        (_DT_RELA, _DT_RELASZ, _DT_RELACOUNT, 3),
        (_DT_REL, _DT_RELSZ, _DT_RELCOUNT, 2),
    ):
        if copy is None or start not in tags:
            continue
        entry = fields * (8 if image.is_64 else 4)
        size = tags.get(length, 0)
        table = image.loaded(tags[start], "table of relocations", size - size % entry)
        # Most are relative, name no symbol, and come first.
        found |= _copied(image, table[min(tags.get(relative, 0) * entry, len(table)) :], copy, fields)
    return sorted(found)


def _copied(image: ElfImage, table: memoryview, copy: int, fields: int) -> set[int]:
    """Return the symbols of the relocations of type `copy`; r_info is the second field of an entry."""
    words = image.integers(table, 4)
    if not image.is_64:
        infos = words[1::fields].tolist()
        return {info >> 8 for info in infos if info & 0xFF == copy}
    first, second = words[2 :: fields * 2].tolist(), words[3 :: fields * 2].tolist()
    types, symbols = (second, first) if image.big_endian else (first, second)
    return set(compress(symbols, (kind == copy for kind in types))) if copy in types else set()
