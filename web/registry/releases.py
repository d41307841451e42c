"""Which releases are signed: the registry reads the published repository as a subscriber does, and verifies it so.

What the database says of releases is not asked: a release that nobody signed is not there.
"""

from __future__ import annotations

import difflib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.blobs import BlobStore
from farm.client.catalogue import Catalogue
from farm.client.download import Downloads
from farm.client.readers import DirectoryReader
from farm.errors import FarmError
from farm.plan import BlobRef
from farm.trust.client_metadata import ChannelMetadata
from farm.trust.earlier_release import LARGEST_HEAD, MOST_STEPS
from farm.trust.index_tree import IndexTree
from farm.trust.layout import BLOBS, METADATA, TARGETS
from farm.trust.release_index import Release
from web.registry.errors import ForeignPackagesError, ManifestUnknownError, NameUnknownError, NothingSignedError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from farm.names import Digest
    from farm.trust.builders import AllowedBuilders
    from farm.trust.imports import Import

_LONGEST = 60.0
"""Seconds for which the newest release is believed where nothing was published meanwhile: metadata expires."""


@dataclass(frozen=True, slots=True)
class _Verified:
    release: Release
    builders: AllowedBuilders
    stamp: tuple[int, int]
    at: float


class SignedReleases:
    """The verified releases of one published repository, by channel and number."""

    def __init__(self, repository: Path, state: Path) -> None:
        """`state` keeps TUF's metadata, so that what is shown never goes back."""
        self._repository = repository
        self._state = state
        self.blobs = BlobStore(repository / BLOBS)
        self._downloads = Downloads(DirectoryReader(repository), self.blobs)
        self._verified: dict[str, _Verified] = {}
        self._chains: dict[str, dict[int, Digest]] = {}
        self._looking = threading.Lock()

    def newest(self, channel: str) -> Release:
        """Return the newest signed release of a channel. Raises `NameUnknownError`, `NothingSignedError`."""
        return self._newest(channel).release

    def find(self, channel: str, number: int) -> Release:
        """Return a release by its number, 0 the newest. Raises also `ManifestUnknownError`."""
        newest = self.newest(channel)
        if number in (0, newest.number):
            return newest
        digest = self._chain(newest).get(number)
        if digest is None:
            raise ManifestUnknownError(
                f"{channel} has no release {number}", remedy=f"The newest that is signed is {newest.number}."
            )
        return self._read(digest)

    def numbers(self, channel: str) -> list[int]:
        """Return the numbers of all releases of a channel, the newest first."""
        return sorted(self._chain(self.newest(channel)), reverse=True)

    def catalogue(self, release: Release) -> Catalogue:
        """Return the packages of a release that `find` gave."""
        builders = self._newest(release.channel).builders
        return Catalogue(release, builders, self._downloads, _refuse_foreign)

    def lacking(self, release: Release, names: Iterable[str]) -> list[str]:
        """Return which of these packages a release does not have; reads their paths in its index."""
        index = IndexTree(lambda blob: self._downloads.read(blob, "index of a release"), release.index)
        return [name for name in names if index.listing(name) is None]

    def _newest(self, channel: str) -> _Verified:
        channels = self._channels()
        if channel not in channels:
            near = difflib.get_close_matches(channel, channels, n=3)
            raise NameUnknownError(f"there is no channel {channel[:100]} with a release here", near)
        known, stamp = self._verified.get(channel), self._stamp()
        if known and known.stamp == stamp and time.monotonic() - known.at < _LONGEST:
            return known
        # One looks for all who ask meanwhile; it makes nothing.
        with self._looking:
            known = self._verified.get(channel)
            if not known or known.stamp != stamp or time.monotonic() - known.at >= _LONGEST:
                known = self._verified[channel] = self._verify(channel, stamp)
            return known

    def _verify(self, channel: str, stamp: tuple[int, int]) -> _Verified:
        try:
            root = (self._repository / METADATA / "1.root.json").read_bytes()
            metadata = ChannelMetadata(self._state, root, DirectoryReader(self._repository))
            release, builders = metadata.newest(channel)
        except (FarmError, OSError) as error:
            raise NothingSignedError(f"the newest release of {channel} cannot be verified: {error}") from error
        return _Verified(release, builders, stamp, time.monotonic())

    def _chain(self, newest: Release) -> dict[int, Digest]:
        """Return the digests of all releases by number, each named by the one after it, the newest by its signature."""
        before = self._chains.get(newest.channel, {})
        found: dict[int, Digest] = {}
        release = newest
        for _ in range(MOST_STEPS):
            found[release.number] = release.digest
            if release.previous is None:
                break
            if before.get(release.number - 1) == release.previous:
                found |= {number: digest for number, digest in before.items() if number < release.number}
                break
            release = self._read(release.previous)
        self._chains[newest.channel] = found
        return found

    def _read(self, digest: Digest) -> Release:
        return Release.from_json(self._downloads.read(BlobRef(digest, LARGEST_HEAD), "earlier release"))

    def _channels(self) -> list[str]:
        folder = self._repository / TARGETS / "channels"
        return sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []

    def _stamp(self) -> tuple[int, int]:
        try:
            found = (self._repository / METADATA / "timestamp.json").stat()
        except FileNotFoundError:
            return 0, 0
        return found.st_ino, found.st_mtime_ns


def _refuse_foreign(pin: Import) -> Catalogue:
    raise ForeignPackagesError(
        f"the set holds packages of {pin.distribution}, which this farm does not hand on",
        remedy="Make it with `farm image build`, which takes them from there.",
    )
