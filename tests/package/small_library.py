"""A shared library with nothing in it but what its dynamic section says."""

from __future__ import annotations

import struct

SONAME, RPATH, RUNPATH, DEPAUDIT, AUDIT = 14, 15, 29, 0x6FFFFEFB, 0x6FFFFEFC
"""Tags of the dynamic section whose values are strings (glibc's elf.h)."""


def small_library(said: dict[int, str]) -> bytes:
    """An x86-64 library whose dynamic section has these tags, with these strings."""
    strings, tags = b"\0", []
    for tag, text in said.items():
        tags.append((tag, len(strings)))
        strings += text.encode() + b"\0"
    dynamic = 64 + 2 * 56
    table = dynamic + (len(tags) + 3) * 16
    tags += [(5, table), (10, len(strings)), (0, 0)]
    size = table + len(strings)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 64, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 4, 0, 0, 0, size, size, 4096)
    section = struct.pack("<IIQQQQQQ", 2, 4, dynamic, dynamic, dynamic, len(tags) * 16, len(tags) * 16, 8)
    return header + load + section + b"".join(struct.pack("<qQ", *tag) for tag in tags) + strings
