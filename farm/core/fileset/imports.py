"""Composition of FileSets: expanding a tree that imports others into one tree."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.core.fileset.manifest import Directory, Entry, InvalidManifestError, Manifest
from farm.core.fileset.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.core.names.digest import Digest


def expand(manifest: Manifest, lookup: Callable[[Digest], Manifest], *, most_entries: int = 200_000) -> Manifest:
    """Return the manifest with every imported tree in its place, to any depth, and no imports left.

    `lookup` returns a manifest by its tree digest. `Manifest.of` ensures that imports do not overlap; since each stays
    below its path, the expanded trees do not either. A tree that is imported several times is counted each time. Raises
    `InvalidManifestError` for a tree with another digest, for absolute links under a tree that allows none, and for
    more than `most_entries` entries.
    """
    entries: list[Entry] = []
    waiting = [("", manifest)]
    while waiting:
        at, tree = waiting.pop()
        if tree.absolute_links and not manifest.absolute_links:
            message = "a tree whose links may lead anywhere cannot be imported here"
            raise InvalidManifestError(message, path=at.rstrip("/"), reason=Refusal.ABSOLUTE_LINK)
        entries += (replace(entry, path=at + entry.path) for entry in tree.entries)
        for item in tree.imports:
            imported = lookup(item.tree)
            if imported.tree_digest != item.tree:
                raise InvalidManifestError(f"asked for {item.tree}, got {imported.tree_digest}", path=at + item.path)
            entries.append(Directory(at + item.path))
            waiting.append((f"{at}{item.path}/", imported))
        if len(entries) > most_entries:
            raise InvalidManifestError(f"it has more than {most_entries} entries", reason=Refusal.TOO_MANY_ENTRIES)
    return Manifest.of(entries, absolute_links=manifest.absolute_links)
