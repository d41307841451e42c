"""The number of entries of a dynamic symbol table: no field states it, so it is derived as well as possible.

From the section header of the table; else from DT_HASH, which has the number; else from the last symbol that
DT_GNU_HASH reaches (the exported ones) or a relocation names (the imported ones), which are all that a loader can look
up.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from farm.core.package.elf.image import SHT_DYNSYM, InvalidElfError

if TYPE_CHECKING:
    from farm.core.package.elf.image import ElfImage

_DT_HASH, _DT_SYMTAB, _DT_GNU_HASH = 4, 6, 0x6FFFFEF5
_DT_RELA, _DT_RELASZ, _DT_REL, _DT_RELSZ, _DT_PLTRELSZ, _DT_PLTREL, _DT_JMPREL = 7, 8, 17, 18, 2, 20, 23


def count_symbols(image: ElfImage, tags: dict[int, int], entry_size: int) -> int:
    """Return the number of entries of DT_SYMTAB, the null entry included. Raises `InvalidElfError`."""
    for section in image.sections:
        if section.type == SHT_DYNSYM and section.address == tags[_DT_SYMTAB]:
            return section.size // entry_size
    if _DT_HASH in tags:
        _, chains = struct.unpack(f"{image.order}II", image.loaded(tags[_DT_HASH], "hash table", 8))
        return int(chains)
    return max(_reached_by_gnu_hash(image, tags), _reached_by_relocations(image, tags))


def _reached_by_gnu_hash(image: ElfImage, tags: dict[int, int]) -> int:
    if _DT_GNU_HASH not in tags:
        return 0
    table = image.loaded(tags[_DT_GNU_HASH], "GNU hash table")
    if len(table) < 16:
        raise InvalidElfError("the GNU hash table is cut short")
    buckets, first, bloom_words, _ = struct.unpack(f"{image.order}IIII", table[:16])
    start = 16 + bloom_words * (8 if image.is_64 else 4)
    if start + buckets * 4 > len(table):
        raise InvalidElfError("the GNU hash table reaches beyond its segment")
    last = max(image.integers(table[start : start + buckets * 4], 4), default=0)
    if last < first:
        return 0
    # A chain is one word a symbol, from `first` on; the lowest bit of a word marks the end of a bucket's chain.
    for index, word in enumerate(image.integers(table[start + buckets * 4 :], 4)[last - first :], last + 1):
        if word & 1:
            return index
    raise InvalidElfError("a chain of the GNU hash table has no end")


def _reached_by_relocations(image: ElfImage, tags: dict[int, int]) -> int:
    relocations = [
        (tags.get(_DT_RELA), tags.get(_DT_RELASZ, 0), True),
        (tags.get(_DT_REL), tags.get(_DT_RELSZ, 0), False),
    ]
    relocations.append((tags.get(_DT_JMPREL), tags.get(_DT_PLTRELSZ, 0), tags.get(_DT_PLTREL) == _DT_RELA))
    highest = -1
    for address, size, with_addend in relocations:
        if address is None:
            continue
        word = 8 if image.is_64 else 4
        entry = struct.Struct(f"{image.order}{word}x{'Q' if image.is_64 else 'I'}{word if with_addend else 0}x")
        table = image.loaded(address, "table of relocations", size - size % entry.size)
        # The symbol's index is the upper part of r_info: 32 of 64 bits, or 24 of 32.
        highest = max(
            highest, max((info for (info,) in entry.iter_unpack(table)), default=0) >> (32 if image.is_64 else 8)
        )
    return highest + 1
