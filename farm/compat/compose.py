"""Composition: from packages to one root. The same for builds, tests, runs, installs and images, whatever the order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.compat.composition import ComposedPackage, Composition
from farm.errors import FarmError
from farm.fileset import ForestPackage, build_forest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from farm.fileset import BaseTree, Manifest
    from farm.package import Descriptor


class TwoBuildsError(FarmError):
    """A composition was given two different builds of one package."""

    code = "two-builds"

    def __init__(self, first: Descriptor, second: Descriptor) -> None:
        super().__init__(
            f"one root cannot hold two builds of a package: {first.store_path} and {second.store_path}",
            remedy="Leave one of them out.",
        )
        self.stores = (first.store_path, second.store_path)


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
    forest = build_forest(
        [
            ForestPackage(
                owner=descriptor.store_path,
                name=descriptor.name.short,
                manifest=manifest,
                extra_links=descriptor.links,
                replaces=frozenset(descriptor.replaces),
                wins_over_base=before_base,
            )
            for descriptor, manifest in ordered
        ],
        base,
    )
    composed = tuple(
        ComposedPackage(descriptor.store_path, descriptor.tree, descriptor.diff_id) for descriptor, _ in ordered
    )
    return Composition(composed, forest)
