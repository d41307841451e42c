"""Whether a root is complete: every byte of its packages, every link, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.client.root.generations import Root
from farm.client.root.installed_set import InstalledSet
from farm.core.sets.composition.compose import compose
from farm.store.capture import digest_tree
from farm.store.scan import scan_tree

if TYPE_CHECKING:
    from pathlib import Path

    from farm.client.repository.host import Host
    from farm.client.root.generation import Generation


def whole(host: Host, root: Path) -> Generation:
    """Return the installed state of a root, after checking each part against its record."""
    state = Root(root).installed()
    place = root / ".farm" / "generations" / str(state.number)
    assert (root / ".farm" / "current").resolve() == place.resolve()
    described = InstalledSet(host, state.set).described()
    assert [installed.digest for installed, _ in described] == [package.descriptor for package in state.set.packages]
    for descriptor, _ in described:
        tree = root / "packages" / descriptor.store_path
        assert digest_tree(tree, scan_tree(tree)).tree_digest == descriptor.tree, tree
    forest = compose(described, base=None).forest
    links = {str(path.relative_to(place)) for path in place.rglob("*") if path.is_symlink()}
    assert links == {link for link, _ in forest.links}
    for link, target in forest.links:
        assert (root / link).resolve() == root.resolve() / target.removeprefix("/")
        assert (root / link).exists(), link
    return state


def leftovers(root: Path) -> list[Path]:
    """Return what a killed process has left in a root."""
    places = (root / ".farm", root / ".farm" / "generations", root / "packages")
    return [path for place in places if place.exists() for path in place.iterdir() if path.name.startswith(".")]
