"""The view of a root as packages, their links and a user's own files make it. Reads no disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.fileset.manifest import Directory, Link
from farm.core.names.root_places import MERGED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.core.fileset.manifest import Entry, Manifest
    from farm.core.sets.composition.compose import Composition

_PACKAGES = "packages"
_MOST_LINKS = 40
"""As many as Linux follows (path_resolution(7))."""


class RootView:
    """A composition with the manifests of its packages by their store directories, under the user's own files."""

    def __init__(
        self, composition: Composition, manifests: Mapping[str, Manifest], own: Manifest | None = None
    ) -> None:
        self._manifests = manifests
        self._entries: dict[str, Entry] = {entry.path: entry for entry in composition.forest.entries()}
        self._entries |= {path: Link(path, f"usr/{path}") for path in MERGED}
        self._entries |= own.by_path if own else {}

    def at(self, path: str) -> Entry | None:
        """Return the file or directory at an absolute path, links followed; None if there is none."""
        place = self._real_path(path)
        return None if place is None else self._entry(place)

    def names_in(self, directory: str) -> list[str]:
        """Return the names in an absolute directory, links to it followed; none if there is no such directory."""
        place = self._real_path(directory)
        if place is None:
            return []
        store, inside = _in_package(place)
        return _children(self._manifests[store].by_path if store else self._entries, inside)

    def _real_path(self, path: str) -> str | None:
        """Return the path without links in it, relative to the root; None if it leads to nothing."""
        place, left, links = "", _parts(path), 0
        while left:
            part, *left = left
            if part == "..":
                place = place.rpartition("/")[0]
                continue
            here = f"{place}/{part}" if place else part
            found = self._entry(here)
            if isinstance(found, Link) and links < _MOST_LINKS:
                links += 1
                left = [*_parts(found.target), *left]
                place = "" if found.target.startswith("/") else place
            elif found is None or isinstance(found, Link) or (left and not isinstance(found, Directory)):
                return None
            else:
                place = here
        return place

    def _entry(self, path: str) -> Entry | None:
        store, inside = _in_package(path)
        if path in ("", _PACKAGES):
            return Directory(path)
        if not store:
            return self._entries.get(path)
        if store not in self._manifests:
            return None
        return self._manifests[store].by_path.get(inside) if inside else Directory(path)


def _in_package(path: str) -> tuple[str, str]:
    """Return the store directory that a path is in, and the path within it; or no store directory, and the path."""
    top, _, rest = path.partition("/")
    store, _, inside = rest.partition("/")
    return (store, inside) if top == _PACKAGES and store else ("", path)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _children(paths: Iterable[str], directory: str) -> list[str]:
    return sorted(path.rpartition("/")[2] for path in paths if path and path.rpartition("/")[0] == directory)
