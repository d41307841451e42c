"""Which packages of an image share a layer, and which lies above which. Pure: a function of the set, of no order.

docs/decisions/layers-of-large-images.md has the figures.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.oci.package_archive import PackageArchive

MOST_PACKAGE_LAYERS = 120
"""Layers that packages may take. Engines stop at 125 or 127, and the links and the user's own files want theirs."""
GROUPS = 40
"""How many layers the smaller packages of a large image are divided over."""


def layer_plan(archives: Iterable[PackageArchive]) -> list[tuple[PackageArchive, ...]]:
    """Return the layers of packages, lowest first: each package alone, the largest lowest, while there are few enough.

    An engine unpacks anew what lies above a changed layer, so what is dear to unpack lies low. Of more than
    `MOST_PACKAGE_LAYERS` packages the largest stay alone, and each of the others has its group by the hash of its
    name: so another build of it changes that one group, and a package more or less moves no other to another group.
    """
    ordered = sorted(archives, key=lambda archive: (-archive.content_bytes, archive.store))
    if len(ordered) <= MOST_PACKAGE_LAYERS:
        return [(archive,) for archive in ordered]
    alone = MOST_PACKAGE_LAYERS - GROUPS
    groups: defaultdict[int, list[PackageArchive]] = defaultdict(list)
    for archive in ordered[alone:]:
        groups[_group(archive.store)].append(archive)
    shared = [tuple(sorted(groups[number], key=lambda each: each.store)) for number in sorted(groups)]
    return [*((archive,) for archive in ordered[:alone]), *shared]


def _group(store: str) -> int:
    name = store.rsplit("-", 2)[0]
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % GROUPS
