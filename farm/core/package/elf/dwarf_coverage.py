"""Whether debug data covers all code in a file: code compiled without `-g` has no unit, and leaves no trace.

The symbol table records where functions are, `.debug_aranges` (DWARF 5, section 6.1.2) which ranges debug data covers:
GCC and the GNU assembler write it for each unit with code.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from typing import TYPE_CHECKING

from farm.core.package.elf.image import SHT_NOBITS, InvalidElfError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.core.package.elf.image import ElfImage

_FUNCTION, _UNDEFINED = 2, 0
# Parts of the C library that are linked into files, without debug data: start files and libc_nonshared.a.
_OF_C_LIBRARY = frozenset(
    (
        b"_start", b"_dl_relocate_static_pie", b"call_weak_fn",
        b"at_quick_exit", b"atexit", b"pthread_atfork", b"__pthread_atfork", b"__stack_chk_fail_local",
    )
)  # fmt: skip
_LONGEST_NAME = 64


def describes_all_code(image: ElfImage) -> bool:
    """Return whether debug data covers each function with a size; false where there is no symbol table.

    Raises `InvalidElfError`.
    """
    sections = {
        name: image.part(section.offset, section.size, name)
        for name, section in image.named(".symtab", ".strtab", ".debug_aranges").items()
        if section.type != SHT_NOBITS
    }
    if ".symtab" not in sections:
        return False
    ranges = sorted(_ranges(image, sections.get(".debug_aranges", memoryview(b""))))
    starts = [start for start, _ in ranges]
    reach: list[int] = []
    for _, end in ranges:
        reach.append(max(end, reach[-1] if reach else 0))
    names = sections.get(".strtab", memoryview(b""))
    for name, address, size in _functions(image, sections[".symtab"]):
        at = bisect_right(starts, address) - 1
        if (at < 0 or address + size > reach[at]) and _text(names, name) not in _OF_C_LIBRARY:
            return False
    return True


def _functions(image: ElfImage, table: memoryview) -> Iterator[tuple[int, int, int]]:
    """Yield the defined functions: offset of the name, address, size."""
    layout = struct.Struct(f"{image.order}IBxHQQ" if image.is_64 else f"{image.order}IIIBxH")
    whole = table[: len(table) - len(table) % layout.size]
    for entry in layout.iter_unpack(whole):
        if image.is_64:
            name, kind, section, address, size = entry
        else:
            name, address, size, kind, section = entry
        if kind & 0xF == _FUNCTION and section != _UNDEFINED and size:
            yield name, address, size


def _ranges(image: ElfImage, part: memoryview) -> Iterator[tuple[int, int]]:
    """Yield the first address of each range and the one after its last."""
    at = 0
    while at < len(part):
        start, wide = at, False
        length, at = _number(image, part, at, 4), at + 4
        if length == 0xFFFFFFFF:
            wide, length, at = True, _number(image, part, at, 8), at + 8
        end = at + length
        at += 2 + (8 if wide else 4)  # the version, and the offset of the unit
        address_size = _number(image, part, at, 1)
        if end > len(part) or address_size not in (4, 8):
            raise InvalidElfError("its .debug_aranges has a set of ranges that it cannot have")
        pair = 2 * address_size
        at = start + -(-(at + 2 - start) // pair) * pair
        word = "Q" if address_size == 8 else "I"
        for first, size in struct.iter_unpack(
            f"{image.order}{word}{word}", part[at : at + max(end - at, 0) // pair * pair]
        ):
            if size:
                yield first, first + size
        at = end


def _number(image: ElfImage, part: memoryview, at: int, size: int) -> int:
    if at + size > len(part):
        raise InvalidElfError("its .debug_aranges has something that reaches beyond its end")
    return int.from_bytes(part[at : at + size], "big" if image.big_endian else "little")


def _text(names: memoryview, at: int) -> bytes:
    return bytes(names[at : at + _LONGEST_NAME]).partition(b"\0")[0]
