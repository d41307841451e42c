"""What covers or changes the packages of a container: mounts over them, and files written there.

A user can mount anything over anything when starting a container, and root in it can write. Outside the packages'
directories that is not checked.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from farm.core.names.root_places import MERGED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farm.container.docker_objects import ContainerMount, LabelledContainer

PACKAGES, _OWN = "/packages", ".own"
_LINKED = ("usr", "etc")
"""The mounts of a late-bound run from its directory of links."""
_OF_PACKAGES = ("packages", "usr", *MERGED)
_MOST_NAMED = 10


def hidden_in(container: LabelledContainer) -> tuple[str, ...]:
    """Return descriptions of what covers the packages of a container's image."""
    over = [
        f"{mount.target}: {_source(mount)} is mounted over what packages have there"
        for mount in container.mounts
        if _is_of_packages(mount.target)
    ]
    # Mount points are made when it starts.
    targets = [PurePosixPath(mount.target) for mount in container.mounts]
    changed = [
        path
        for path in container.changed
        if _is_of_packages(path) and not any(target.is_relative_to(path) for target in targets)
    ]
    named = [f"{path}: changed in the container, differs from the image" for path in changed[:_MOST_NAMED]]
    more = len(changed) - len(named)
    return (*over, *named, *([f"{more} more paths were changed in the container"] if more else ()))


def bound_stores(mounts: Iterable[ContainerMount]) -> tuple[str, ...]:
    """Return the directories of packages, by their names, that a late-bound container has mounted."""
    return tuple(sorted(store for mount in mounts if (store := _store(mount.target))))


def not_late_bound(mounts: Iterable[ContainerMount], cache: Path, states: Iterable[Path]) -> Iterator[str]:
    """Yield descriptions of mounts where packages and their links belong, and that no run of this host makes.

    A run of this host mounts packages' directories of the `cache`, read-only, and links that a run of one of the
    `states` made.
    """
    cache, links = cache.resolve(), [state.resolve() / "links" for state in states]
    for mount in mounts:
        store, top = _store(mount.target), mount.target.removeprefix("/")
        if not (store or top in _LINKED or _is_of_packages(mount.target)):
            continue
        if PurePosixPath(mount.target).is_relative_to(f"{PACKAGES}/{_OWN}"):
            continue  # the user's own files
        source = Path(mount.source).resolve() if mount.source else None
        if store and source != cache / store:
            yield f"{mount.target}: it is {_source(mount)}, and not that package in the cache of this host, {cache}"
        elif top in _LINKED and not (source and source.name == top and source.parent.parent in links):
            yield f"{mount.target}: it is {_source(mount)}, and not links that a run of this host made"
        elif not store and top not in _LINKED:
            yield f"{mount.target}: {_source(mount)} is mounted over what packages have there"
        elif mount.writable:
            yield f"{mount.target}: it is mounted writable, but a run mounts packages read-only"


def _store(target: str) -> str:
    folder, _, name = target.rpartition("/")
    return name if folder == PACKAGES and name != _OWN else ""


def _is_of_packages(path: str) -> bool:
    return path.removeprefix("/").partition("/")[0] in _OF_PACKAGES


def _source(mount: ContainerMount) -> str:
    return mount.source or "an empty directory in memory"
