"""A composition: the packages and the links that together are the root of a build, a test, a run or an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.fileset.manifest import Import, Manifest

if TYPE_CHECKING:
    from farm.core.fileset.forest import Forest
    from farm.core.names.digest import Digest


@dataclass(frozen=True, slots=True)
class ComposedPackage:
    """A package under `/packages/<store>`: its tree digest, and the digest of its uncompressed archive for OCI."""

    store: str
    tree: Digest
    diff_id: Digest


@dataclass(frozen=True, slots=True)
class Composition:
    """Packages, sorted by store, and the forest of links that makes them one root. Made by `compose` alone."""

    packages: tuple[ComposedPackage, ...]
    forest: Forest

    @property
    def fileset(self) -> Manifest:
        """The root as a FileSet: its packages are imported below `packages/`, the links are its own."""
        imports = (Import(f"packages/{package.store}", package.tree) for package in self.packages)
        return Manifest.of(self.forest.entries(), imports, absolute_links=True)

    @property
    def digest(self) -> Digest:
        """What a rendered environment may be cached by: the root's tree digest, which names every tree and link."""
        return self.fileset.tree_digest
