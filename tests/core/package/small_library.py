"""A shared library that consists only of its dynamic section and its program headers."""

from __future__ import annotations

import struct

NEEDED, SONAME, RPATH, RUNPATH, DEPAUDIT, AUDIT = 1, 14, 15, 29, 0x6FFFFEFB, 0x6FFFFEFC
AUXILIARY, FILTER = 0x7FFFFFFD, 0x7FFFFFFF
"""Tags of the dynamic section whose values are strings (glibc's elf.h)."""


def small_library(said: dict[int, str], *segments: tuple[int, int, int, int]) -> bytes:
    """An x86-64 library whose dynamic section has these tags, with these strings.

    `segments` are more program headers: type, flags, address, and size in memory; the file has no content for them.
    """
    strings, tags = b"\0", []
    for tag, text in said.items():
        tags.append((tag, len(strings)))
        strings += text.encode() + b"\0"
    dynamic = 64 + (2 + len(segments)) * 56
    table = dynamic + (len(tags) + 3) * 16
    tags += [(5, table), (10, len(strings)), (0, 0)]
    size = table + len(strings)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2 + len(segments), 64, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 4, 0, 0, 0, size, size, 4096)
    section = struct.pack("<IIQQQQQQ", 2, 4, dynamic, dynamic, dynamic, len(tags) * 16, len(tags) * 16, 8)
    more = b"".join(
        struct.pack("<IIQQQQQQ", kind, flags, 0, address, address, 0, room, 1)
        for kind, flags, address, room in segments
    )
    return header + load + section + more + b"".join(struct.pack("<qQ", *tag) for tag in tags) + strings
