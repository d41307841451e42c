"""The signed releases and previews: the registry reads the published repository like a subscriber, and verifies it.

The database is not asked about releases: an unsigned release does not exist here.
"""

from __future__ import annotations

import difflib
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.client.repository.catalogue import Catalogue
from farm.client.repository.download import Downloads
from farm.client.repository.preview import read_preview_release
from farm.client.repository.readers import DirectoryReader
from farm.core.names.preview_name import preview_number
from farm.core.plan.job import BlobRef
from farm.errors import FarmError
from farm.store.blobs import BlobStore
from farm.trust.index.earlier_release import LARGEST_HEAD, MOST_STEPS
from farm.trust.index.release_index import Release
from farm.trust.index.tree import IndexTree
from farm.trust.layout import BLOBS, METADATA, TARGETS
from farm.trust.verification.channel_signers import role_keys
from farm.trust.verification.client_metadata import ChannelMetadata
from web.registry.errors import Refusal, RegistryAnswerError, name_unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from securesystemslib.signer import Key

    from farm.core.names.digest import Digest
    from farm.trust.index.imports import Import
    from farm.trust.metadata.builders import AllowedBuilders

_LONGEST = 60.0
"""Seconds for which the newest release is trusted if nothing was published meanwhile: metadata expires."""
_FEW = 2000
"""Above this number of packages, only names with the same first letter are compared with an unknown one."""


@dataclass(frozen=True, slots=True)
class _Verified:
    release: Release
    builders: AllowedBuilders
    keys: Mapping[str, Key]
    stamp: tuple[int, int]
    at: float


class SignedReleases:
    """The verified releases of one published repository, by channel and number."""

    def __init__(self, repository: Path, state: Path) -> None:
        """`state` holds TUF's metadata, so that answers never go back to an older release."""
        self._repository = repository
        self._state = state
        self.blobs = BlobStore(repository / BLOBS)
        self._downloads = Downloads(DirectoryReader(repository), self.blobs)
        self._verified: dict[str, _Verified] = {}
        self._chains: dict[str, dict[int, Digest]] = {}
        self._names: dict[str, tuple[Digest, tuple[str, ...]]] = {}
        self._looking = threading.Lock()
        self._walking = threading.Lock()

    def newest(self, channel: str) -> Release:
        """Return the newest signed release of a channel. Raises `RegistryAnswerError`."""
        return self._newest(channel).release

    def keys(self, channel: str) -> Mapping[str, Key]:
        """Return the keys that may sign for a channel, by key id. Raises as `newest`."""
        return self._newest(channel).keys

    def find(self, channel: str, number: int) -> Release:
        """Return a release by its number, 0 the newest. Raises also `RegistryAnswerError`."""
        newest = self.newest(channel)
        if number in (0, newest.number):
            return newest
        digest = self._chain(newest).get(number)
        if digest is None:
            raise RegistryAnswerError(
                Refusal.MANIFEST_UNKNOWN,
                f"{channel} has no release {number}",
                remedy=f"The newest that is signed is {newest.number}.",
            )
        return self._read(digest)

    def chain(self, channel: str) -> dict[int, Digest]:
        """Return the digests of all releases of a channel by number."""
        return self._chain(self.newest(channel))

    def at(self, digest: Digest) -> Release:
        """Return a release that `chain` named."""
        return self._read(digest)

    def catalogue(self, release: Release) -> Catalogue:
        """Return the packages of a release that `find` gave."""
        builders = self._newest(release.channel).builders
        return Catalogue(release, lambda: builders, self._downloads, _refuse_imported)

    def lacking(self, release: Release, names: Iterable[str]) -> list[str]:
        """Return which of these packages a release lacks; reads their paths in its index."""
        index = IndexTree(lambda blob: self._downloads.read(blob, "index of a release"), release.index)
        return [name for name in names if index.listing(name) is None]

    def check_known(self, release: Release, names: Sequence[str]) -> None:
        """Raise `RegistryAnswerError`, with similar names, if a release lacks one of these packages."""
        lacking = self.lacking(release, names)
        if lacking:
            what = f"release {release.number} of {release.channel} has no package {', '.join(lacking)}"
            raise name_unknown(what, self._near(release, lacking))

    def _near(self, release: Release, lacking: Sequence[str]) -> list[str]:
        """Return names of the channel's newest release that are similar to those which `release` lacks."""
        names = self._names_in(self.newest(release.channel))
        found: dict[str, None] = {}
        for unknown in lacking:
            alike = names if len(names) <= _FEW else [name for name in names if name[0] == unknown[0]]
            found.update(dict.fromkeys(difflib.get_close_matches(unknown, alike, n=3)))
        return [name for name in found if name not in lacking]

    def _names_in(self, release: Release) -> tuple[str, ...]:
        index = release.index.digest
        known = self._names.get(release.channel)
        if known is None or known[0] != index:
            names = tuple(listing.name for listing in self.catalogue(release).listings())
            known = self._names[release.channel] = index, names
        return known[1]

    def _newest(self, channel: str) -> _Verified:
        channels = self._channels()
        if (number := preview_number(channel)) is not None and channels:
            return self._preview(number, self._newest(channels[0]))
        if channel not in channels:
            near = difflib.get_close_matches(channel, channels, n=3)
            raise name_unknown(f"there is no channel {channel[:100]} with a release here", near)
        known, stamp = self._verified.get(channel), self._stamp()
        if known and known.stamp == stamp and time.monotonic() - known.at < _LONGEST:
            return known
        # One caller reads for all who ask meanwhile; it makes no image.
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
            raise RegistryAnswerError(
                Refusal.NOTHING_SIGNED, f"the newest release of {channel} cannot be verified: {error}"
            ) from error
        return _Verified(release, builders, role_keys(self._state, channel), stamp, time.monotonic())

    def _preview(self, number: int, known: _Verified) -> _Verified:
        """Return a preview, by the keys that targets list for previews; `known` is a release of any channel."""
        try:
            release = read_preview_release(
                DirectoryReader(self._repository),
                self._downloads,
                number,
                distribution=known.release.distribution,
                builders=known.builders,
            )
        except (FarmError, OSError) as error:
            raise name_unknown(f"there is no preview {number} here: {error}", []) from error
        return replace(known, release=release, keys={})

    def _chain(self, newest: Release) -> dict[int, Digest]:
        """Return the digests of all releases by number, each named by the one after it, the newest by its signature."""
        with self._walking:  # one caller reads for all: the first time, it reads every release
            before = self._chains.get(newest.channel, {})
            if before.get(newest.number) != newest.digest:
                before = self._chains[newest.channel] = self._walked(newest, before)
            return before

    def _walked(self, newest: Release, before: dict[int, Digest]) -> dict[int, Digest]:
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
        return found

    def _read(self, digest: Digest) -> Release:
        return Release.from_json(self._downloads.read(BlobRef(digest, LARGEST_HEAD), "earlier release"))

    def _channels(self) -> list[str]:
        folder = self._repository / TARGETS / "channels"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def _stamp(self) -> tuple[int, int]:
        try:
            found = (self._repository / METADATA / "timestamp.json").stat()
        except FileNotFoundError:
            return 0, 0
        return found.st_ino, found.st_mtime_ns


def _refuse_imported(pin: Import) -> Catalogue:
    raise RegistryAnswerError(
        Refusal.IMPORTED_PACKAGES,
        f"the set holds packages of {pin.distribution}, which this farm does not hand on",
        remedy="Make it with `farm image build`, which takes them from there.",
    )
