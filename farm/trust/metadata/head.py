"""What is in force in a repository: the documents that clients are led to now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tuf.api.metadata import Root, Snapshot, Targets, Timestamp


@dataclass(frozen=True, slots=True)
class Head:
    """The documents in force, verified: the newest root, the one before it, and what the timestamp points at."""

    root: Root
    older_root: Root | None
    timestamp: Timestamp
    snapshot: Snapshot
    targets: Targets
