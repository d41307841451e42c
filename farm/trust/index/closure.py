"""What packages of a release need in it: what comes along with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.trust.index.imports import imported_packages

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.trust.index.release_index import Release
    from farm.trust.index.tree import IndexTree


def needed_in(release: Release, tree: IndexTree, names: Iterable[str]) -> frozenset[str]:
    """Return what these packages need, and what that needs in turn; themselves too. `tree` is the release's index.

    Raises what reading a blob raises, and `InvalidReleaseError`.
    """
    imported, seen = imported_packages(release.imports), set(names)
    waiting = sorted(seen)
    while waiting:
        name = waiting.pop()
        if name in imported:
            needs = imported[name][1].needs
        else:
            entry = None if "/" in name else tree.entry(name)
            needs = entry.needs if entry else ()
        waiting += sorted(set(needs) - seen)
        seen.update(needs)
    return frozenset(seen)
