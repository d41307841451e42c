"""The images that the registry has made: records, blobs, and which request leads to which image.

Everything in its store of blobs is for everybody: what no release holds never comes into it.
"""

from __future__ import annotations

import fcntl
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from farm.client.image.evidence import RELEASES
from farm.client.image.records import ImageRecord
from farm.core.names.digest import Digest, InvalidDigestError
from farm.errors import FarmError
from farm.store.blobs import BlobStore
from farm.store.durable_file import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DAY = 86400.0
_MOST_RELEASES = 64
"""How many releases, the newest, an image is said to be of: some packages stay for years as they are."""


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
        """Keep an image, with the releases and referrers that were known of it before."""
        with self._changing():
            before = self.record(record.digest)
            replace_file(self._path(record.digest), (_merged(before, record) if before else record).to_json())

    def remember(self, question: Digest, image: Digest) -> None:
        """Let a question lead to an image that is kept."""
        replace_file(self.folder / "known" / question.hex, image.encode())

    def record(self, digest: Digest) -> ImageRecord | None:
        """Return what is known of an image that was made, whether or not its blobs are here.

        A record that is damaged, or of another version of farm, is as good as none: its image is made again.
        """
        try:
            return ImageRecord.from_json(self._path(digest).read_bytes())
        except (OSError, ValueError, AttributeError, TypeError, FarmError):
            return None

    def _note_use(self, digest: Digest) -> None:
        """Let an image count as asked for just now, for `trim`; to a day, so that reading seldom writes."""
        path = self._path(digest)
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _DAY:
                path.touch()

    def _path(self, digest: Digest) -> Path:
        return self.folder / "images" / f"{digest.hex}.json"

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Let one process at a time bring a record up to date; nothing is composed meanwhile."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _merged(before: ImageRecord, new: ImageRecord) -> ImageRecord:
    """Return the record of an image that was made for one release, and then for another."""
    releases = {*before.record.releases, *new.record.releases}
    newest = sorted(releases, key=lambda each: (each.number, each))[-_MOST_RELEASES:]
    said = {str(release) for release in newest}
    referrers = {each.manifest.digest: each for each in (*before.referrers, *new.referrers)}
    return replace(
        new,
        record=replace(new.record, releases=tuple(newest)),
        made=before.made,
        referrers=tuple(
            referrer for referrer in referrers.values() if referrer.annotations.get(RELEASES, "") in {"", *said}
        ),
    )
