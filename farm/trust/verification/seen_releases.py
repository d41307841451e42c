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


def remember_release(folder: Path, release: Release, keyids: Sequence[str], now: datetime) -> None:
    """Remember a verified release, and the keys that its channel has, in the file of the channel in `folder`.

    If the owner has given the channel other keys, what its old keys signed no longer counts: this recovers from a thief
    who has numbered a release so high that none can follow (as TUF 5.3.11 does for metadata).
    Raises `NotASuccessorError`, `ClockBehindError`.
    """
    check_clock(release, now)
    path = folder / f"{release.channel}.json"
    before = seen_release(folder, release.channel, keyids)
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


def seen_release(folder: Path, channel: str, keyids: Sequence[str]) -> Release | None:
    """Return the newest release of a channel that was seen under these keys, None if none was."""
    try:
        form = json.loads((folder / f"{channel}.json").read_bytes())
        return Release.from_json(form["release"].encode()) if form["keys"] == list(keyids) else None
    except (FileNotFoundError, ValueError, LookupError, TypeError, AttributeError, InvalidReleaseError):
        # From another version of farm, or damaged: TUF's own state still protects.
        return None


def read_seen(folder: Path, channel: str) -> Release:
    """Return the newest release of a channel that was seen, under any keys.

    Raises `OSError`, `ValueError`, `LookupError`, `TypeError`, `InvalidReleaseError`.
    """
    return Release.from_json(json.loads((folder / f"{channel}.json").read_bytes())["release"].encode())
