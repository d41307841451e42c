"""The newest release that a host has seen of each channel, so that it accepts no older one.

TUF prevents the rollback of metadata; this prevents the rollback of the release, whatever the channel's key signs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from farm.store.durable_file import replace_file
from farm.trust.index.release_index import InvalidReleaseError, NotASuccessorError, Release, check_successor
from farm.trust.index.release_time import check_clock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path


class SeenReleases:
    """One file for each channel in `folder`: the release, and the keys that its channel had then."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, release: Release, keyids: Sequence[str], now: datetime) -> None:
        """Remember a verified release. Raises `NotASuccessorError`, `ClockBehindError`.

        If the owner has given the channel other keys, what its old keys signed no longer counts: this recovers from a
        thief who has numbered a release so high that none can follow (as TUF 5.3.11 does for metadata).
        """
        check_clock(release, now)
        path = self._folder / f"{release.channel}.json"
        before = self._read(path, keyids)
        if before == release:
            path.touch()  # its time is when the channel was last seen so
            return
        if before:
            if before.distribution != release.distribution:
                raise NotASuccessorError(
                    f"release {release.number} of {release.channel} is of {release.distribution}, and what was seen "
                    f"before was of {before.distribution}",
                    remedy="Nothing was changed. Tell the owner of the channel; try another mirror.",
                )
            check_successor(before, release)
        form = {"keys": list(keyids), "release": release.to_json().decode()}
        replace_file(path, (json.dumps(form, indent=1) + "\n").encode())

    def seen(self, channel: str, keyids: Sequence[str]) -> Release | None:
        """Return the newest release of a channel that was seen under these keys, None if none was."""
        return self._read(self._folder / f"{channel}.json", keyids)

    def _read(self, path: Path, keyids: Sequence[str]) -> Release | None:
        try:
            form = json.loads(path.read_bytes())
            return Release.from_json(form["release"].encode()) if form["keys"] == list(keyids) else None
        except (FileNotFoundError, ValueError, LookupError, TypeError, AttributeError, InvalidReleaseError):
            # From another version of farm, or damaged: TUF's own state still protects.
            return None


def read_seen(folder: Path, channel: str) -> Release:
    """Return the newest release of a channel that was seen, under any keys.

    Raises `OSError`, `ValueError`, `LookupError`, `TypeError`, `InvalidReleaseError`.
    """
    return Release.from_json(json.loads((folder / f"{channel}.json").read_bytes())["release"].encode())
