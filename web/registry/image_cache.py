"""The images that the registry has made: records, blobs, and which request leads to which image; and their limits.

Everything in its blob store is public: what no release holds never enters it. The least recently requested images are
removed, so that requests for ever new sets do not fill the disk. Only what a digest led to is lost by that: by its tag,
an image is made again.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.client.image.evidence import RELEASES
from farm.client.image.records import ImageRecord
from farm.core.names.digest import Digest, InvalidDigestError
from farm.errors import FarmError
from farm.store.blobs import BlobStore
from farm.store.durable_file import replace_file
from farm.store.locks import locked

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path


_DAY = 86400.0
_MOST_RELEASES = 64
"""How many releases, the newest, an image's record lists: some packages stay unchanged for years."""


class ImageCache:
    """One directory: `blobs/`, `images/<digest>.json`, and `known/<question>`, which holds the digest of an image."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.blobs = BlobStore(folder / "blobs")

    def answered(self, question: Digest) -> Digest | None:
        """Return the image that a question led to before, if all of it is still here."""
        try:
            digest = Digest((self.folder / "known" / question.hex).read_text())
        except (FileNotFoundError, UnicodeDecodeError, InvalidDigestError):
            return None
        return digest if self.image(digest) else None

    def image(self, digest: Digest) -> ImageRecord | None:
        """Return an image that was made, and whose blobs are all here."""
        record = self.record(digest)
        if record is None or not all(self.blobs.has(blob.digest) for blob in record.blobs):
            return None
        self._note_use(digest)
        return record

    def keep(self, record: ImageRecord) -> None:
        """Store an image, with the releases and referrers that were recorded for it before."""
        with self._changing():
            before = self.record(record.digest)
            replace_file(self._path(record.digest), (_merged(before, record) if before else record).to_json())

    def remember(self, question: Digest, image: Digest) -> None:
        """Make a question lead to a stored image."""
        replace_file(self.folder / "known" / question.hex, image.encode())

    def record(self, digest: Digest) -> ImageRecord | None:
        """Return the record of an image that was made, whether or not its blobs are here.

        A record that is damaged, or of another version of farm, is ignored: its image is made again.
        """
        try:
            return ImageRecord.from_dict(json.loads(self._path(digest).read_bytes()))
        except (OSError, ValueError, FarmError):
            return None

    def _note_use(self, digest: Digest) -> None:
        """Record the image's last use for `trim`, to the day, so that reads seldom write."""
        path = self._path(digest)
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _DAY:
                path.touch()

    def _path(self, digest: Digest) -> Path:
        return self.folder / "images" / f"{digest.hex}.json"

    def _changing(self) -> AbstractContextManager[None]:
        """Lock out other processes while a record is updated; no image is made meanwhile."""
        return locked(self.folder / ".lock")


def _merged(before: ImageRecord, new: ImageRecord) -> ImageRecord:
    """Return the record of an image that was made for one release, and then for another."""
    releases = {*before.record.releases, *new.record.releases}
    newest = sorted(releases, key=lambda release: (release.number, release))[-_MOST_RELEASES:]
    said = {str(release) for release in newest}
    referrers = {referrer.manifest.digest: referrer for referrer in (*before.referrers, *new.referrers)}
    return replace(
        new,
        record=replace(new.record, releases=tuple(newest)),
        made=before.made,
        referrers=tuple(
            referrer for referrer in referrers.values() if referrer.annotations.get(RELEASES, "") in {"", *said}
        ),
    )


_YOUNG = 600.0
"""Seconds for which a blob may exist before the record of its image does."""
_MEASURED_EVERY = 60.0
_LEFT = 0.9
"""A tenth is removed at a time, because finding the needed blobs costs as much for one as for many."""


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """The limits of the registry: images, questions with known answers, and bytes of its own blobs.

    A hard link to a published blob is not counted. `spare` bytes of the disk are left to others.
    """

    images: int = 5000
    questions: int = 50_000
    bytes: int = 32 << 30
    spare: int = 1 << 30

    @property
    def after(self) -> CacheLimits:
        """The limits after trimming: lower, so that trimming is rare."""
        images, questions = int(self.images * _LEFT), int(self.questions * _LEFT)
        return CacheLimits(images, questions, int(self.bytes * _LEFT), self.spare)


class Trimming:
    """Keeps one cache within its limits; blobs younger than `young` seconds stay."""

    def __init__(self, cache: ImageCache, room: CacheLimits, *, young: float = _YOUNG) -> None:
        self._cache = cache
        self._room = room
        self._young = young
        self._measured = -_MEASURED_EVERY

    def is_short(self) -> bool:
        """Return whether the disk is nearly full, so that no image may be made. If so, first frees half the cache."""
        if not self._lacks_spare():
            return False
        if self._may_measure():
            self.trim(replace(self._room, bytes=sum(self._own().values()) // 2))
        return self._lacks_spare()

    def look(self) -> int:
        """Trim if a limit is exceeded, and return how many images were removed. Cheap otherwise."""
        folder, room = self._cache.folder, self._room
        few = _count(folder / "images") <= room.images and _count(folder / "known") <= room.questions
        # Bytes are counted file by file: not each time.
        if few and (not self._may_measure() or sum(self._own().values()) <= room.bytes):
            return 0
        return self.trim(room)

    def trim(self, room: CacheLimits) -> int:
        """Remove the least recently requested images until `room` is kept; return how many were removed.

        Only one process does it at a time.
        """
        folder, room = self._cache.folder, room.after
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
        """Return whether it is time to measure every file again."""
        now = time.monotonic()
        if now - self._measured < _MEASURED_EVERY:
            return False
        self._measured = now
        return True

    def _lacks_spare(self) -> bool:
        self._cache.folder.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self._cache.folder).free < self._room.spare

    def _newest_within(
        self, records: list[Path], room: CacheLimits, own: dict[Digest, int]
    ) -> dict[Digest, set[Digest]]:
        """Return the images that stay, with the blobs of each; the others are removed. The newest always stays."""
        kept: dict[Digest, set[Digest]] = {}
        counted: set[Digest] = set()
        size = 0
        for path in records:
            record = self._cache.record(Digest.from_hex(path.stem))
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
        # Without names that begin with a dot, which are being written.
        paths = sorted((self._cache.folder / "known").glob("[0-9a-f]*"), key=_written_at, reverse=True)
        for number, path in enumerate(paths):
            with suppress(FileNotFoundError, UnicodeDecodeError):
                if number >= most or path.read_text() not in kept:
                    path.unlink()

    def _remove_blobs(self, needed: set[Digest]) -> None:
        before = time.time() - self._young
        blobs = self._cache.blobs
        for digest in blobs.iter():
            with suppress(FileNotFoundError):
                # The inode's change time: a new link to an old archive is young too.
                if digest not in needed and blobs.path(digest).stat().st_ctime < before:
                    blobs.delete(digest)

    def _own(self) -> dict[Digest, int]:
        """Return the size of each blob that is not hard-linked elsewhere."""
        found: dict[Digest, int] = {}
        for digest in self._cache.blobs.iter():
            with suppress(FileNotFoundError):
                state = self._cache.blobs.path(digest).stat()
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
