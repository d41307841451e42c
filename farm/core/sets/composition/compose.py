"""Composition: from packages to one root. The same for builds, tests, runs, installs and images, in any order."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
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
    """Packages, sorted by store, and the forest of links that makes them one root. Only `compose` makes them."""

    packages: tuple[ComposedPackage, ...]
    forest: Forest

    @property
    def fileset(self) -> Manifest:
        """The root as a FileSet: its packages are imported below `packages/`, the links are its own."""
        imports = (Import(f"packages/{package.store}", package.tree) for package in self.packages)
        return Manifest.of(self.forest.entries(), imports, absolute_links=True)

    @property
    def digest(self) -> Digest:
        """The tree digest of the root, which covers every tree and link: the cache key of a rendered environment."""
        return self.fileset.tree_digest


def labels(packages: Iterable[Descriptor]) -> dict[str, str]:
    """Return the names of packages for people, by their store directories: `jq 1.7.1-1`, with the distribution where
    several packages of a set have the same short name.
    """
    named: dict[str, dict[str, Descriptor]] = {}
    for package in packages:
        named.setdefault(package.name.short, {})[package.store_path] = package
    return {
        store: package.label if len(alike) == 1 else f"{package.name.distribution}/{package.label}"
        for alike in named.values()
        for store, package in alike.items()
    }


def compose(
    packages: Iterable[tuple[Descriptor, Manifest]],
    base: BaseTree | None = None,
    *,
    shadows: Collection[str] = (),
) -> Composition:
    """Compose packages, each with its manifest, over a base if there is one.

    `shadows` are commands that win over the base's, which otherwise win. The caller passes the closure; nothing is
    looked up here. Raises the error `two-builds`, and what `build_forest` raises.
    """
    by_name: dict[str, tuple[Descriptor, Manifest]] = {}
    for descriptor, manifest in packages:
        other, _ = by_name.setdefault(str(descriptor.name), (descriptor, manifest))
        if other.tree != descriptor.tree or other.links != descriptor.links:
            raise _two_builds(*sorted((other, descriptor), key=attrgetter("digest")))
    ordered = sorted(by_name.values(), key=lambda pair: pair[0].store_path)
    before_base = frozenset(f"usr/{top}/{command}" for command in shadows for top in ("bin", "sbin"))
    label_of = labels(descriptor for descriptor, _ in ordered)
    forest = build_forest(
        [
            ForestPackage(
                owner=descriptor.store_path,
                name=descriptor.name.short,
                manifest=manifest,
                extra_links=descriptor.links,
                replaces=frozenset(descriptor.replaces),
                wins_over_base=before_base,
                label=label_of[descriptor.store_path],
            )
            for descriptor, manifest in ordered
        ],
        base,
    )
    composed = tuple(
        ComposedPackage(descriptor.store_path, descriptor.tree, descriptor.diff_id) for descriptor, _ in ordered
    )
    return Composition(composed, forest)


def _two_builds(first: Descriptor, second: Descriptor) -> FarmError:
    alike = first.label == second.label
    both = [f"{build.label} ({build.digest})" if alike else build.label for build in (first, second)]
    return FarmError(
        f"one root cannot hold two builds of a package: {' and '.join(both)}",
        remedy="Leave one of them out.",
        code="two-builds",
    )
