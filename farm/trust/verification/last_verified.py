"""The result of the last full verification of a repository, stored so that the next need not verify the same again.

While a repository has exactly the timestamp that was verified, and no newer root, TUF's client would arrive at the same
release with the documents that it has. Only time can change that: documents expire, or the clock goes back;
`LastVerified.holds` checks both. On any difference everything is verified again:
`farm.trust.verification.client_metadata`.

A result counts only while it is the last: what another command has verified since is not forgotten for a mirror that
serves older metadata again.

This module imports nothing else: it is loaded at every start of a container.
"""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False  # as of `typing`, which is slow to load
if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

TOP_ROLES = ("root", "targets", "snapshot", "timestamp")
_FOLDER = "looks"


class LastVerified:
    """What was verified of one channel: the timestamp as fetched, the version of root, and the result.

    `release` and `builders` are digests; `since` and `ends` are seconds since 1970.
    """

    def __init__(self, *, timestamp: str, root: int, release: str, builders: str, since: float, ends: float) -> None:
        self.timestamp = timestamp
        self.root = root
        self.release = release
        self.builders = builders
        self.since = since
        self.ends = ends

    def holds(self, now: float) -> bool:
        """Return whether nothing has expired since, and the clock has not gone back."""
        return self.since <= now < self.ends


def read_last_verified(metadata: str, channel: str) -> LastVerified | None:
    """Return the last verification of a channel whose metadata is stored in a directory.

    None if there was none, if it is damaged, or if newer metadata is stored by now.
    """
    try:
        with open(f"{metadata}/{_FOLDER}/{channel}.json", "rb") as file:
            look = LastVerified(**json.loads(file.read()))
        with open(f"{metadata}/timestamp.json", "rb") as file:
            is_last = file.read() == look.timestamp.encode()
    except (OSError, ValueError, TypeError):
        return None
    return look if is_last and not os.path.lexists(f"{metadata}/root_history/{look.root + 1}.root.json") else None


def write_last_verified(metadata: Path, channel: str, release: str, builders: str) -> None:
    """Store the result of a full verification of the metadata in a folder. Raises `OSError`."""
    import time

    from farm.store.durable_file import replace_file

    roles = (*TOP_ROLES, channel)
    ends = metadata_ends(metadata, roles)
    if len(ends) < len(roles):
        return
    found = {
        "timestamp": (metadata / "timestamp.json").read_text(),
        "root": json.loads((metadata / "root.json").read_bytes())["signed"]["version"],
        "release": release,
        "builders": builders,
        "since": time.time(),
        "ends": min(ends).timestamp(),
    }
    replace_file(metadata / _FOLDER / f"{channel}.json", json.dumps(found).encode(), durable=False)


def metadata_ends(metadata: Path, roles: Iterable[str]) -> list[datetime]:
    """Return when the stored documents of these roles expire; missing and damaged ones are left out."""
    from datetime import UTC, datetime

    ends = []
    for role in roles:
        try:
            form = json.loads((metadata / f"{role}.json").read_bytes())
            ends.append(datetime.fromisoformat(form["signed"]["expires"]).astimezone(UTC))
        except (OSError, ValueError, LookupError, TypeError):
            continue
    return ends
