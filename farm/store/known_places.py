"""Directories that a host has to remember: the roots it installed into, the state directories that share its cache.

`FOLDER/<digest of the path>` holds the path, and is written before anything in that directory is first changed.
"""

from __future__ import annotations

import os
from pathlib import Path

from farm.core.names.digest import Digest
from farm.store.durable_file import replace_file


class KnownPlaces:
    """Remembers directories by their real paths, one file each in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, place: Path) -> None:
        """Remember a directory. Raises `OSError`."""
        path = os.path.realpath(place)
        record = self._record(path)
        if not record.exists():
            replace_file(record, os.fsencode(path))

    def all(self) -> tuple[Path, ...]:
        """Return every remembered directory, whether or not it exists, sorted."""
        return tuple(sorted(Path(os.fsdecode(record.read_bytes())) for record in self._folder.glob("[!.]*")))

    def forget(self, place: Path) -> None:
        """Forget a directory."""
        self._record(str(place)).unlink(missing_ok=True)

    def _record(self, path: str) -> Path:
        return self._folder / Digest.of(os.fsencode(path)).hex
