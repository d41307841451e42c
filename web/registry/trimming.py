"""So that strangers who ask for ever other sets do not fill the disk: what was not asked for longest is forgotten.

Nothing is lost by it for good but what a digest led to: by its tag, an image is made again.
"""

from __future__ import annotations

import fcntl
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from farm.names import Digest, InvalidDigestError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from web.registry.shelf import ImageShelf

_YOUNG = 3600.0
"""Seconds for which a blob may lie there before the record of its image does."""
_SHARE = 10
"""A tenth goes at a time, because looking which blobs are still needed costs as much for one as for many."""


def trim(shelf: ImageShelf, most: int, *, young: float = _YOUNG) -> int:
    """Forget a tenth of the images when there are more than `most`; return how many were. One process does it."""
    records = list((shelf.folder / "images").glob("*.json"))
    if len(records) <= most:
        return 0
    with (shelf.folder / ".trim").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        records.sort(key=_asked_at)
        gone = records[: len(records) - most + most // _SHARE]
        for path in gone:
            path.unlink(missing_ok=True)
        left = {path.stem for path in records[len(gone) :]}
        _forget_questions(shelf.folder / "known", left)
        _remove_blobs(shelf, left, time.time() - young)
        return len(gone)


def _asked_at(record: Path) -> float:
    try:
        return record.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _forget_questions(known: Path, left: Iterable[str]) -> None:
    for path in known.iterdir():
        with suppress(FileNotFoundError, InvalidDigestError):
            if Digest(path.read_text()).hex not in left:
                path.unlink()


def _remove_blobs(shelf: ImageShelf, left: Iterable[str], before: float) -> None:
    needed: set[Digest] = set()
    for each in left:
        record = shelf.record(Digest.from_hex(each))
        needed |= {blob.digest for blob in record.blobs} if record else set()
    for digest in shelf.blobs.iter():
        with suppress(FileNotFoundError):
            # The time of a change of the file's own record: a link to an old archive is young too.
            if digest not in needed and shelf.blobs.path(digest).stat().st_ctime < before:
                shelf.blobs.delete(digest)
