"""So that strangers who ask for ever other sets do not fill the disk: what was not asked for longest is forgotten.

Nothing is lost by it for good but what a digest led to: by its tag, an image is made again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.core.names.digest import Digest

if TYPE_CHECKING:
    from pathlib import Path

    from web.registry.image_cache import ImageCache

_YOUNG = 600.0
"""Seconds for which a blob may lie there before the record of its image does."""
_MEASURED_EVERY = 60.0
_LEFT = 0.9
"""A tenth goes at a time, because looking which blobs are still needed costs as much for one as for many."""


@dataclass(frozen=True, slots=True)
class Room:
    """What the registry may take: images, questions whose answers are known, and bytes of blobs of its own.

    A blob that is one file with the published one is not its own. `spare` bytes of the disk are left to others.
    """

    images: int = 5000
    questions: int = 50_000
    bytes: int = 32 << 30
    spare: int = 1 << 30

    @property
    def after(self) -> Room:
        """What is left to it when it has taken more: less, so that this is seldom."""
        images, questions = int(self.images * _LEFT), int(self.questions * _LEFT)
        return Room(images, questions, int(self.bytes * _LEFT), self.spare)


class Trimming:
    """Keeps one shelf within its room; blobs younger than `young` seconds stay."""

    def __init__(self, shelf: ImageCache, room: Room, *, young: float = _YOUNG) -> None:
        self._shelf = shelf
        self._room = room
        self._young = young
        self._measured = -_MEASURED_EVERY

    def is_short(self) -> bool:
        """Say whether the disk is nearly full, of whatever: nothing is to be made then. Gives up half to make room."""
        if not self._lacks_spare():
            return False
        if self._may_measure():
            self.trim(replace(self._room, bytes=sum(self._own().values()) // 2))
        return self._lacks_spare()

    def look(self) -> int:
        """Make room if more is taken than may be, and return how many images were forgotten. Cheap if there is room."""
        folder, room = self._shelf.folder, self._room
        few = _count(folder / "images") <= room.images and _count(folder / "known") <= room.questions
        # Bytes are counted file by file: not each time.
        if few and (not self._may_measure() or sum(self._own().values()) <= room.bytes):
            return 0
        return self.trim(room)

    def trim(self, room: Room) -> int:
        """Forget what was asked for longest ago until there is less than `room` allows; return how many images went.

        One process does it at a time.
        """
        folder, room = self._shelf.folder, room.after
        with (folder / ".trim").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return 0
            own = self._own()
            records = sorted((folder / "images").glob("*.json"), key=_written_at, reverse=True)
            needed = self._newest_within(records, room, own)
            self._forget_questions(set(needed), room.questions)
            self._remove_blobs(set().union(*needed.values()))
            return len(records) - len(needed)

    def _may_measure(self) -> bool:
        """Say whether it is time to look at every file again."""
        now = time.monotonic()
        if now - self._measured < _MEASURED_EVERY:
            return False
        self._measured = now
        return True

    def _lacks_spare(self) -> bool:
        self._shelf.folder.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self._shelf.folder).free < self._room.spare

    def _newest_within(self, records: list[Path], room: Room, own: dict[Digest, int]) -> dict[Digest, set[Digest]]:
        """Return the images that stay, with the blobs of each; the others are forgotten. The newest stays always."""
        kept: dict[Digest, set[Digest]] = {}
        counted: set[Digest] = set()
        size = 0
        for path in records:
            record = self._shelf.record(Digest.from_hex(path.stem))
            blobs = {blob.digest for blob in record.blobs} if record else set()
            more = sum(own.get(digest, 0) for digest in blobs - counted)
            if record and (not kept or (len(kept) < room.images and size + more <= room.bytes)):
                kept[record.digest] = blobs
                counted |= blobs
                size += more
            else:
                path.unlink(missing_ok=True)
        return kept

    def _forget_questions(self, kept: set[Digest], most: int) -> None:
        # Not those whose names begin with a dot, which are being written.
        paths = sorted((self._shelf.folder / "known").glob("[0-9a-f]*"), key=_written_at, reverse=True)
        for number, path in enumerate(paths):
            with suppress(FileNotFoundError, UnicodeDecodeError):
                if number >= most or path.read_text() not in kept:
                    path.unlink()

    def _remove_blobs(self, needed: set[Digest]) -> None:
        before = time.time() - self._young
        blobs = self._shelf.blobs
        for digest in blobs.iter():
            with suppress(FileNotFoundError):
                # The time of a change of the file's own record: a link to an old archive is young too.
                if digest not in needed and blobs.path(digest).stat().st_ctime < before:
                    blobs.delete(digest)

    def _own(self) -> dict[Digest, int]:
        """Return the size of each blob that is nowhere else."""
        found: dict[Digest, int] = {}
        for digest in self._shelf.blobs.iter():
            with suppress(FileNotFoundError):
                state = self._shelf.blobs.path(digest).stat()
                if state.st_nlink == 1:
                    found[digest] = state.st_size
        return found


def _count(folder: Path) -> int:
    try:
        with os.scandir(folder) as entries:
            return sum(1 for _ in entries)
    except FileNotFoundError:
        return 0


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
