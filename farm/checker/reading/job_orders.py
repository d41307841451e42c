"""What testers were told to do, as it is brought beside what they have signed of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.core.names.digest import Digest
    from farm.store.blobs import BlobStore

LARGEST_JOB_ORDER = 16 << 20

_Order = TypeVar("_Order")


def read_job_order(blobs: BlobStore, digest: Digest, read: Callable[[Any], _Order]) -> _Order | None:
    """Return the order of a test or of a comparison, as `read` makes it of JSON; what is none counts for nothing."""
    try:
        if blobs.size(digest) > LARGEST_JOB_ORDER:
            return None
        return read(json.loads(blobs.read(digest)))
    except (FarmError, ValueError, TypeError, KeyError, RecursionError):
        return None
