"""Composition of FileSets: a tree that imports others, written out as one tree."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.fileset.manifest import Directory, Entry, InvalidManifestError, Manifest
from farm.fileset.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from farm.names import Digest


def expand(manifest: Manifest, lookup: Callable[[Digest], Manifest], *, most_entries: int = 200_000) -> Manifest:
    """Return the manifest with every imported tree in its place, to any depth, and no imports left.

    `lookup` gives a manifest by its tree digest. That imports do not overlap, `Manifest.of` has seen to; since each
    stays below its path, the expanded trees do not either. Trees imported many times over are counted each time.
    Raises `InvalidManifestError` for a tree that is not the one asked for, for free links under a tree that allows
    none, and for more than `most_entries` entries.
    """
    entries: list[Entry] = []
    for entry in _expanded(manifest, "", lookup, free=manifest.absolute_links):
        if len(entries) >= most_entries:
            raise InvalidManifestError(f"it has more than {most_entries} entries", reason=Refusal.TOO_MANY_ENTRIES)
        entries.append(entry)
    return Manifest.of(entries, absolute_links=manifest.absolute_links)


def _expanded(manifest: Manifest, at: str, lookup: Callable[[Digest], Manifest], *, free: bool) -> Iterator[Entry]:
    if manifest.absolute_links and not free:
        message = "a tree whose links may lead anywhere cannot be imported here"
        raise InvalidManifestError(message, path=at.rstrip("/"), reason=Refusal.ABSOLUTE_LINK)
    yield from (replace(entry, path=at + entry.path) for entry in manifest.entries)
    for item in manifest.imports:
        imported = lookup(item.tree)
        if imported.tree_digest != item.tree:
            raise InvalidManifestError(f"asked for {item.tree}, got {imported.tree_digest}", path=at + item.path)
        yield Directory(at + item.path)
        yield from _expanded(imported, f"{at}{item.path}/", lookup, free=free)
