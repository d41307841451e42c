"""Whose package each short name was on this host, so that no name moves to another distribution unnoticed.

`STATE/names.json` maps names to distributions. It is forgotten when the user decides anew: by a priority, or by
following a channel no more.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from farm.store.durable_file import replace_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class KnownNames:
    """The short names that were chosen on a host without saying of which distribution."""

    def __init__(self, state: Path) -> None:
        self._path = state / "names.json"

    def owner(self, name: str) -> str:
        """Return of which distribution a name was, empty where it was none's."""
        return self._read().get(name, "")

    def remember(self, owners: Mapping[str, str]) -> None:
        """Remember whose these names are."""
        known = self._read()
        if any(known.get(name) != owner for name, owner in owners.items()):
            self._write({**known, **owners})

    def forget(self) -> None:
        """Forget them all."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> dict[str, str]:
        try:
            form = json.loads(self._path.read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return {str(name): str(owner) for name, owner in form.items()} if isinstance(form, dict) else {}

    def _write(self, known: Mapping[str, str]) -> None:
        replace_file(self._path, (json.dumps(dict(sorted(known.items())), indent=1) + "\n").encode())
