"""The state directories that share a host's cache, and the roots that were made from each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from farm.client.root.generations import Root
from farm.errors import FarmError
from farm.store.known_places import KnownPlaces

if TYPE_CHECKING:
    from pathlib import Path

    from farm.client.repository.host import Host


def states(host: Host) -> tuple[Path, ...]:
    """Return the state directories that share the cache; one that no longer exists is dropped from the list.

    Raises `unreadable-state`: what cannot be seen there may be in use.
    """
    found = {host.state}
    for state in host.states.all():
        if not os.access(state, os.R_OK | os.X_OK) and os.path.lexists(state):
            raise FarmError(
                f"{state} also uses {host.shared}, but this user cannot read it: what it still needs is unknown",
                remedy="Nothing was changed. Set FARM_HOST to a directory of this user's own: users cannot share one.",
                code="unreadable-state",
            )
        if state.is_dir():
            found.add(state)
        else:
            host.states.forget(state)
    return tuple(sorted(found))


def roots(state: Path) -> tuple[Path, ...]:
    """Return the existing roots of a state directory."""
    return tuple(path for path in KnownPlaces(state / "roots").all() if (path / ".farm").is_dir())


def roots_from(state: Path, channel: str) -> tuple[Path, ...]:
    """Return the roots of a state directory that now hold a release or packages of a channel. Raises `RootError`."""

    def channels(root: Path) -> set[str]:
        held = Root(root).current()
        found = {release.subscription for release in held.set.releases} if held else set()
        return found | ({package.channel for package in held.set.packages} if held else set())

    return tuple(path for path in roots(state) if channel in channels(path))
