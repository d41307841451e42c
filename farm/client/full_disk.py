"""Saying which disk is full: the system's own error names a temporary file of no meaning, or nothing."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
"""No space, or none that this user may use."""


@contextmanager
def full_disk_named(place: Path) -> Iterator[None]:
    """Let an `OSError` about a full disk name `place`, the directory that is written to."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise OSError(error.errno, error.strerror, str(place)) from error
