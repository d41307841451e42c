"""The package of a root that a path belongs to, through all of farm's links, and whether its file is the signed one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farm.client.root.generations import Root
from farm.client.root.tree_check import check_entry
from farm.core.fileset.manifest import Directory, File
from farm.errors import FarmError

if TYPE_CHECKING:
    from farm.client.root.generation import Generation
    from farm.core.fileset.manifest import Manifest
    from farm.core.names.digest import Digest
    from farm.core.sets.members.set_record import PlacedPackage


@dataclass(frozen=True, slots=True)
class OwnedFile:
    """A path in a root: as it was given, and as the package knows it (`bin/jq`)."""

    root: Path
    asked: Path
    generation: Generation
    placed: PlacedPackage
    path: str


@dataclass(frozen=True, slots=True)
class FileCheck:
    """The entry at a path, compared with the manifest: `how` it differs, empty where it is as signed.

    `digest` is the signed one; None for what is not a regular file.
    """

    asked: Path
    root: Path
    generation: int
    place: str
    path: str
    size: int
    digest: Digest | None
    how: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "asked": str(self.asked),
            "root": str(self.root),
            "generation": self.generation,
            "place": self.place,
            "path": self.path,
            "digest": self.digest,
            "size": self.size,
            "as-signed": not self.how,
            "how": self.how,
        }


def is_inside_root(path: Path) -> bool:
    """Return whether a path is inside a directory that farm has installed into."""
    return _root_above(path) is not None


def owner_of(path: Path) -> OwnedFile:
    """Return the package that owns the file that a path leads to. Raises `not-owned`, `RootError`."""
    asked = Path(os.path.abspath(path))  # noqa: PTH100  (resolve() would lose the root by following its links)
    top = _root_above(path)
    if top is None:
        raise FarmError(
            f"{asked} lies in no directory that farm has installed into",
            remedy="See `farm list --root DIR`.",
            code="not-owned",
        )
    reached = Path(os.path.realpath(asked))
    try:
        folder, store, *inside = reached.relative_to(os.path.realpath(top)).parts
    except ValueError:
        folder, store, inside = "", "", []
    root = Root(top)
    state = root.installed()
    for generation in (state, *reversed(root.generations())) if folder == "packages" and inside else ():
        for placed in generation.set.packages:
            if placed.store == store:
                return OwnedFile(top, asked, generation, placed, "/".join(inside))
    raise FarmError(
        f"{asked} is of no package of {top}{'' if reached == asked else f': it leads to {reached}'}",
        remedy="Name a file, or see with `farm verify --root` what was put there by others.",
        code="not-owned",
    )


def check_file(owned: OwnedFile, manifest: Manifest) -> FileCheck:
    """Read the entry at a path and compare it with its package's manifest."""
    entry = next((entry for entry in manifest.entries if entry.path == owned.path), None)
    package = Root(owned.root).package(owned.placed.store)
    how = "the package has no such file" if entry is None else check_entry(package, entry)
    return FileCheck(
        asked=owned.asked,
        root=owned.root,
        generation=owned.generation.number,
        place=f"packages/{owned.placed.store}/{owned.path}",
        path=owned.path + ("/" if isinstance(entry, Directory) else ""),
        size=entry.size if isinstance(entry, File) else 0,
        digest=entry.digest if isinstance(entry, File) else None,
        how=how,
    )


def _root_above(path: Path) -> Path | None:
    lexical = Path(os.path.abspath(path))  # noqa: PTH100
    places = (place for start in (lexical, Path(os.path.realpath(lexical))) for place in (start, *start.parents))
    return next((place for place in places if (place / ".farm" / "generations").is_dir()), None)
