"""The layers that make a root filesystem of the package layers: links above them, and a description on top. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.fileset.archive import ArchiveWriter
from farm.core.fileset.manifest import Directory, File, Link, Manifest
from farm.core.names.digest import Digest
from farm.core.names.root_places import MERGED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.fileset.forest import Forest
    from farm.core.fileset.manifest import Entry


_DIRECTORIES = ("dev", "etc", "proc", "run", "sys", "tmp", "var/tmp")
ALWAYS = frozenset({*_DIRECTORIES, "usr", "var", *(f"usr/{name}" for name in MERGED)})
"""Paths that are directories in every image."""
FOR_EVERYBODY = frozenset({"tmp", "var/tmp"})
"""Directories with mode 1777, which no FileSet holds: only the layer of links makes them."""
_MODE, _CHECKSUM = slice(100, 108), slice(148, 156)  # in a ustar header


def links_layer(forest: Forest) -> bytes:
    """Return the uncompressed tar of the layer of links. Raises `InvalidManifestError` if the forest is no tree.

    It holds the links of the merged `/usr`, the link forest, and the directories that a runtime mounts over or that
    programs expect.
    """
    entries: list[Entry] = [Link(name, f"usr/{name}") for name in MERGED]
    entries += [Directory(f"usr/{name}") for name in MERGED]
    entries += [Directory(path) for path in _DIRECTORIES]
    entries += forest.manifest().entries
    writer = ArchiveWriter("")
    headers = {entry.path: writer.header(entry) for entry in Manifest.of(entries, absolute_links=True).entries}
    headers |= {path: _open_to_all(headers[path]) for path in FOR_EVERYBODY}
    return b"".join([*headers.values(), writer.trailer()])


def _open_to_all(header: bytes) -> bytes:
    """Give a directory mode 1777, which no FileSet holds, and so no `ArchiveWriter` writes."""
    block = bytearray(header)
    block[_MODE] = b"0001777\0"
    block[_CHECKSUM] = b" " * 8
    block[_CHECKSUM] = b"%06o\0 " % sum(block)
    return bytes(block)


DESCRIPTION = "description"
"""The content of the layer of the description, in words."""
OS_RELEASE = "etc/os-release"
SET_SBOM = "packages/set.spdx.json"
"""The path of the set's SPDX document: no package, link or file of the user can be there."""


def description_layer(files: Mapping[str, bytes]) -> bytes:
    """Return the uncompressed tar of the layer that describes the image, with files by path.

    Scanners identify a root by `/etc/os-release` and by SBOMs in it. A file of the image's maker at one of these paths
    is kept; a link to a package's file is covered.
    """
    tree = Manifest.of(File(path, len(content), Digest.of(content)) for path, content in files.items())
    return b"".join(ArchiveWriter("").archive(tree, lambda file: (files[file.path],)))
