"""The manifest of a FileSet: its entries and imports, its canonical form, and its digest, the tree digest.

A manifest holds no owner, time or extended attribute. Which paths and links it may hold is `farm.fileset.rules`' word.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from farm.errors import FarmError
from farm.fileset import rules
from farm.names import Digest, canonical_json

FORMAT = 1


class InvalidManifestError(FarmError):
    """A manifest breaks a rule of FileSets; `path` is the entry at fault, empty for the manifest as a whole."""

    code = "invalid-manifest"

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path


@dataclass(frozen=True, slots=True)
class File:
    """A regular file: size in bytes, digest of its content, and whether its mode is 0755 rather than 0644."""

    path: str
    size: int
    digest: Digest
    executable: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as the manifest's canonical JSON spells it."""
        mode = "0755" if self.executable else "0644"
        return {"path": self.path, "type": "file", "mode": mode, "size": self.size, "sha256": self.digest.hex}


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory, mode 0755."""

    path: str

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as the manifest's canonical JSON spells it."""
        return {"path": self.path, "type": "dir", "mode": "0755"}


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link with its target as it is written in the link."""

    path: str
    target: str

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as the manifest's canonical JSON spells it."""
        return {"path": self.path, "type": "link", "target": self.target}


Entry: TypeAlias = File | Directory | Link


@dataclass(frozen=True, slots=True)
class Import:
    """Another FileSet, by tree digest, at a path of this one."""

    path: str
    tree: Digest

    def to_dict(self) -> dict[str, Any]:
        """Return the import as the manifest's canonical JSON spells it."""
        return {"path": self.path, "tree": str(self.tree)}
