"""The paths of a toolchain's root, kept in a file beside it, which is read far faster than the manifest of the root.

The file is as trusted as the root itself, which nobody reads as a whole either: who can write the one can write both.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from farm.core.fileset.forest import BaseTree
from farm.core.names.canonical_json import canonical_json
from farm.store.durable_file import replace_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from farm.core.fileset.manifest import Manifest
    from farm.core.names.digest import Digest

_FORMAT = 1


def base_paths(home: Path, tree: Digest, manifest: Callable[[], Manifest]) -> BaseTree:
    """Return the paths of the root in `home`, which is `tree`; from its manifest where they are not kept yet.

    Raises what `manifest` raises.
    """
    file = home / "paths.json"
    if kept := _read(file, tree):
        return kept
    found = BaseTree.of(manifest())
    form = {"format": _FORMAT, "tree": tree, "directories": sorted(found.directories), "paths": sorted(found.paths)}
    with suppress(OSError):  # another user's, or a disk that is full or read-only: then they are computed each time
        replace_file(file, canonical_json(form), durable=False)
    return found


def _read(file: Path, tree: Digest) -> BaseTree | None:
    """Return what is kept for this very tree; None for anything else, as what a power cut has left."""
    try:
        value: Any = json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(value, dict) or (value.get("format"), value.get("tree")) != (_FORMAT, tree):
        return None
    return BaseTree(frozenset(value["directories"]), frozenset(value["paths"]))
