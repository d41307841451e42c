"""Plugins: files of a package that are loaded by a program, and so may import what that program exports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Plugin:
    """`path` is a glob over package paths (`lib/bash/*`), `loader` the command that loads what it matches (`bash`).

    A plugin may import symbols of its loader's closure, and its soname is nothing that others can need.
    """

    path: str
    loader: str

    def to_dict(self) -> dict[str, str]:
        """Return the value as canonical JSON spells it."""
        return {"path": self.path, "loader": self.loader}
