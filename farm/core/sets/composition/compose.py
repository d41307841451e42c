"""Composition: from packages to one root. The same for builds, tests, runs, installs and images, whatever the order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.fileset.forest import ForestPackage, build_forest
from farm.core.fileset.manifest import Import, Manifest
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from farm.core.fileset.forest import BaseTree, Forest
    from farm.core.names.digest import Digest
    from farm.core.package.descriptor import Descriptor


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


class TwoBuildsError(FarmError):
    """A composition was given two different builds of one package."""

    code = "two-builds"

    def __init__(self, first: Descriptor, second: Descriptor) -> None:
        alike = first.label == second.label
        both = [
            f"{descriptor.label} ({descriptor.digest})" if alike else descriptor.label for descriptor in (first, second)
        ]
        super().__init__(
            f"one root cannot hold two builds of a package: {' and '.join(both)}", remedy="Leave one of them out."
        )
        self.stores = (first.store_path, second.store_path)


def labels(packages: Iterable[Descriptor]) -> dict[str, str]:
    """Return what people know packages by, by their store directories: `jq 1.7.1-1`, with the distribution where
    several packages of a set have one short name.
    """
    named: dict[str, dict[str, Descriptor]] = {}
    for package in packages:
        named.setdefault(package.name.short, {})[package.store_path] = package
    return {
        store: each.label if len(alike) == 1 else f"{each.name.distribution}/{each.label}"
        for alike in named.values()
        for store, each in alike.items()
    }


def compose(
    packages: Iterable[tuple[Descriptor, Manifest]],
    base: BaseTree | None = None,
    *,
    shadows: Collection[str] = (),
) -> Composition:
    """Put packages together, each with its manifest, over a base where there is one.

    `shadows` are commands that stand before the base's own, which otherwise win. The caller gives the closure; nothing
    is looked up here. Raises `TwoBuildsError` and what `build_forest` raises.
    """
    by_name: dict[str, tuple[Descriptor, Manifest]] = {}
    for descriptor, manifest in packages:
        other, _ = by_name.setdefault(str(descriptor.name), (descriptor, manifest))
        if other.tree != descriptor.tree or other.links != descriptor.links:
            raise TwoBuildsError(*sorted((other, descriptor), key=lambda each: each.digest))
    ordered = sorted(by_name.values(), key=lambda pair: pair[0].store_path)
    before_base = frozenset(f"usr/{top}/{command}" for command in shadows for top in ("bin", "sbin"))
    told = labels(descriptor for descriptor, _ in ordered)
    forest = build_forest(
        [
            ForestPackage(
                owner=descriptor.store_path,
                name=descriptor.name.short,
                manifest=manifest,
                extra_links=descriptor.links,
                replaces=frozenset(descriptor.replaces),
                wins_over_base=before_base,
                label=told[descriptor.store_path],
            )
            for descriptor, manifest in ordered
        ],
        base,
    )
    composed = tuple(
        ComposedPackage(descriptor.store_path, descriptor.tree, descriptor.diff_id) for descriptor, _ in ordered
    )
    return Composition(composed, forest)
