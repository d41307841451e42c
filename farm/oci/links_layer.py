"""The layer of links: what makes a root filesystem out of the packages under it. Pure.

It holds the links of the merged `/usr`, the link forest, and the directories that a runtime mounts over or programs
expect; nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.fileset.archive import ArchiveWriter
from farm.core.fileset.manifest import Directory, Link, Manifest

if TYPE_CHECKING:
    from farm.core.fileset.forest import Forest
    from farm.core.fileset.manifest import Entry

_MERGED = ("bin", "lib", "lib64", "sbin")
_DIRECTORIES = ("dev", "etc", "proc", "run", "sys", "tmp", "var/tmp")
ALWAYS = frozenset({*_DIRECTORIES, "usr", "var", *(f"usr/{name}" for name in _MERGED)})
"""What is a directory in every image."""
_FOR_EVERYBODY = frozenset({"tmp", "var/tmp"})
_MODE, _CHECKSUM = slice(100, 108), slice(148, 156)  # in a ustar header


def links_layer(forest: Forest) -> bytes:
    """Return the uncompressed tar of the layer. Raises `InvalidManifestError` where the forest is no tree."""
    entries: list[Entry] = [Link(name, f"usr/{name}") for name in _MERGED]
    entries += [Directory(f"usr/{name}") for name in _MERGED]
    entries += [Directory(path) for path in _DIRECTORIES]
    entries += forest.manifest().entries
    writer = ArchiveWriter("")
    headers = []
    for entry in Manifest.of(entries, absolute_links=True).entries:
        header = writer.header(entry)
        headers.append(_open_to_all(header) if entry.path in _FOR_EVERYBODY else header)
    return b"".join([*headers, writer.trailer()])


def _open_to_all(header: bytes) -> bytes:
    """Give a directory mode 1777, which no FileSet holds, and so no `ArchiveWriter` writes."""
    block = bytearray(header)
    block[_MODE] = b"0001777\0"
    block[_CHECKSUM] = b" " * 8
    block[_CHECKSUM] = b"%06o\0 " % sum(block)
    return bytes(block)
