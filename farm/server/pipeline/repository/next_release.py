"""The release that follows another, as the signer gets it: its index holds what has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.names.utc import utc_text
from farm.trust.index.edit import extend
from farm.trust.index.release_index import Release

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from farm.trust.index.imports import Import
    from farm.trust.index.release_index import ReleaseEntry
    from farm.trust.index.tree import Read


def make_release(
    previous: Release | None,
    put: Iterable[ReleaseEntry],
    remove: Iterable[str],
    *,
    distribution: str,
    channel: str,
    now: datetime,
    read: Read,
    imports: tuple[Import, ...] = (),
) -> tuple[Release, tuple[bytes, ...]]:
    """Return the release that follows `previous`, and the new blobs of its index.

    `put` are the packages that changed, or whose needs did; `remove` the names that leave. `read` returns the blobs of
    the index of `previous`. `imports` are the imports from other distributions. The cost is that of the changes,
    whatever the size of the channel.
    """
    index = extend(read, previous.index if previous else None, put, remove)
    release = Release(
        distribution=distribution,
        channel=channel,
        number=previous.number + 1 if previous else 1,
        previous=previous.digest if previous else None,
        released_at=utc_text(now),
        index=index.root,
        packages=index.packages,
        imports=imports,
    )
    return release, index.blobs
