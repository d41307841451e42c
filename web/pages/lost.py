"""Parts of a page whose blob is lost or damaged: the page says so there, and shows the rest."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from farm.store.errors import CorruptBlobError, MissingBlobError

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.core.names.digest import Digest

_log = logging.getLogger("farm.web")
_Part = TypeVar("_Part")

LOST_BLOB = (MissingBlobError, CorruptBlobError)


@dataclass(frozen=True, slots=True)
class Lost:
    """Stands for a part that cannot be shown, for want of the blob `digest`."""

    digest: Digest


def unless_lost(make: Callable[[], _Part]) -> _Part | Lost:
    """Return a part of a page, or what stands for it. The log has the error, which names a path of this host."""
    try:
        return make()
    except LOST_BLOB as error:
        _log.error("a part of a page cannot be shown: %s", error.message)
        return Lost(error.digest)


def is_lost(part: object) -> bool:
    """Return whether a part cannot be shown; the test `lost` of templates."""
    return isinstance(part, Lost)
