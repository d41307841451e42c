"""The distribution that each short name referred to on this host, so that no name moves to another one unnoticed.

`STATE/names.json` maps names to distributions. It is deleted when the user decides again: by setting a priority, or by
unsubscribing from a channel.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from farm.store.durable_file import replace_file

if TYPE_CHECKING:
    from pathlib import Path


class KnownNames:
    """The short names that were resolved on a host without naming a distribution."""

    def __init__(self, state: Path) -> None:
        self._path = state / "names.json"

    def owner(self, name: str) -> str:
        """Return the distribution that a name referred to, empty where there is none."""
        return self._read().get(name, "")

    def all(self) -> tuple[str, ...]:
        """Return all these names."""
        return tuple(self._read())

    def remember(self, owners: dict[str, str]) -> None:
        """Record which distribution each of these names refers to."""
        known = self._read()
        if not owners.items() <= known.items():
            content = json.dumps(known | owners, indent=1, sort_keys=True) + "\n"
            replace_file(self._path, content.encode())

    def forget(self) -> None:
        """Forget them all."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> dict[str, str]:
        try:
            form = json.loads(self._path.read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return {str(name): str(owner) for name, owner in form.items()} if isinstance(form, dict) else {}
