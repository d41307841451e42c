"""Which paths of the root a package claims, before any are folded, as `farm.core.fileset.forest` has them."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from farm.core.fileset.manifest import Directory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.core.fileset.manifest import Manifest

_HOMES = {top: f"usr/{top}" for top in ("bin", "sbin", "lib", "libexec", "include", "share")} | {"etc": "etc"}
_MERGED = ("bin", "sbin", "lib", "lib64")


def claimed_paths(
    manifest: Manifest, extra_links: Sequence[tuple[str, str]] = ()
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the links and the directories that a package wants in the root, each sorted.

    A link that is wanted for two targets is there twice.
    """
    links: list[tuple[str, str]] = []
    directories: set[str] = set()
    for entry in manifest.entries:
        top, _, _ = entry.path.partition("/")
        if top not in _HOMES:
            continue
        place = _HOMES[top] + entry.path[len(top) :]
        if place.startswith("usr/"):
            directories.add("usr")
        if isinstance(entry, Directory):
            directories.add(place)
        else:
            links.append((place, entry.path))
    for link, path in extra_links:
        place = f"usr/{link}" if link.partition("/")[0] in _MERGED else link
        links.append((place, path))
        while place := posixpath.dirname(place):
            directories.add(place)
    return tuple(sorted(place for place, _ in set(links))), tuple(sorted(directories))
