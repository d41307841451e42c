"""A mutation: which set is changed, how, and what the hand-written tables say of it where the linker cannot judge."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.oracle.parts import Edit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.oracle.linked_set import BinaryFile, LinkedSet


@dataclass(frozen=True)
class Mutation:
    """A change to a set. `group` is counted, `kind` is what was done, `what` describes it with names."""

    group: str
    kind: str
    what: str
    base: LinkedSet
    edits: tuple[Edit, ...]
    files: tuple[tuple[str, str], ...] = ()
    symbol: str = ""


@dataclass
class Changes:
    """Edits in progress, by package."""

    put: dict[str, dict[str, bytes]] = field(default_factory=dict)
    link: dict[str, dict[str, str]] = field(default_factory=dict)
    drop: dict[str, set[str]] = field(default_factory=dict)
    root_links: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)

    def write(self, file: BinaryFile, content: bytes, path: str = "") -> Changes:
        """Replace a file's content, or add content next to the file at a path of its package."""
        self.put.setdefault(file.package, {})[path or file.path] = content
        return self

    def remove(self, file: BinaryFile, *paths: str) -> Changes:
        """Remove a file with the links to it in its directory, or only these paths of its package."""
        self.drop.setdefault(file.package, set()).update(paths or file.places)
        return self

    def content(self, file: BinaryFile) -> bytes:
        """Return a file in its current state."""
        return self.put.get(file.package, {}).get(file.path, file.content)

    @property
    def edits(self) -> tuple[Edit, ...]:
        packages = dict.fromkeys([*self.put, *self.link, *self.drop, *self.root_links])
        return tuple(
            Edit(
                package,
                self.put.get(package, {}),
                self.link.get(package, {}),
                frozenset(self.drop.get(package, ())),
                self.root_links.get(package),
            )
            for package in packages
        )


def patched(content: bytes, *arguments: str, renamed: Mapping[str, str] | None = None) -> bytes:
    """Return `patchelf`'s edit of a file."""
    with tempfile.TemporaryDirectory() as folder:
        file, names = Path(folder) / "file", Path(folder) / "names"
        file.write_bytes(content)
        if renamed:
            names.write_text("".join(f"{old} {new}\n" for old, new in renamed.items()))
            arguments = (*arguments, "--rename-dynamic-symbols", str(names))
        subprocess.run(["patchelf", *arguments, str(file)], check=True, capture_output=True)
        return file.read_bytes()
