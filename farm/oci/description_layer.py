"""The last layer of an image: what it says of itself to those who look into it, and nothing that a program needs. Pure.

Scanners know a root by `/etc/os-release` and by bills of materials that lie in it: without them they guess. A file of
the image's maker at one of these paths stays what it is; over a link to a package's file the one here lies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.fileset.archive import ArchiveWriter
from farm.core.fileset.manifest import Directory, File
from farm.core.names.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.fileset.manifest import Entry

DESCRIPTION = "description"
"""What the layer is said to hold."""
OS_RELEASE = "etc/os-release"
SET_SBOM = "packages/set.spdx.json"
"""Where the SPDX document of the set lies: no package, no link and no file of the user's can be in its way there."""


def description_layer(files: Mapping[str, bytes]) -> bytes:
    """Return the uncompressed tar of the layer, of files by path, each in one directory of the root."""
    folders = {Directory(path.rpartition("/")[0]) for path in files}
    found: list[Entry] = [*folders, *(File(path, len(files[path]), Digest.of(files[path])) for path in files)]
    writer = ArchiveWriter("")
    pieces = []
    for entry in sorted(found, key=lambda each: each.path):
        pieces.append(writer.header(entry))
        if isinstance(entry, File):
            pieces += [files[entry.path], writer.padding(entry.size)]
    return b"".join([*pieces, writer.trailer()])
