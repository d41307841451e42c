"""The last verified release of a channel, for use when its repository cannot be reached: from this host's data only.

The release was proven and signed when it was verified, so the parts of it that are on this host may run. Whether a
newer one exists cannot be known, and the user is warned about that.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farm.client.repository.catalogue import Catalogue, UnknownPackageError, open_pinned
from farm.client.repository.choosing import Chooser
from farm.client.repository.download import DownloadError, Downloads
from farm.client.repository.earlier_releases import releases_back
from farm.core.names.digest import Digest
from farm.core.names.utc import utc_text
from farm.errors import FarmError
from farm.trust.index.release_index import InvalidReleaseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farm.client.repository.advisory_sources import AdvisoryDocuments
    from farm.client.repository.host import Host
    from farm.client.repository.subscriptions import Subscription
    from farm.trust.index.imports import Import
    from farm.trust.index.release_index import Release
    from farm.trust.verification.stored_metadata import KeptMetadata


class NotHereError(FarmError):
    """What was requested is not complete on this host, and nothing can be fetched."""

    code = "not-here"

    def __init__(
        self,
        what: str,
        release: str,
        remedy: str = "Run it once while the repository can be reached; after that it works offline.",
    ) -> None:
        super().__init__(
            f"this host does not have all of {release}, the last verified release: the {what} is missing",
            remedy=remedy,
        )


@dataclass(frozen=True, slots=True)
class OfflineRelease:
    """A release as it was verified last: `at` is the time of that, `ended` the time when its metadata expired.

    `newer` is the number of the release that was verified then, where this is an earlier one of which more is on this
    host. As text, it is the release with its age.
    """

    catalogue: Catalogue
    at: datetime
    ended: datetime | None
    newer: int = 0

    @classmethod
    def of(cls, kept: KeptMetadata, catalogue: Catalogue) -> OfflineRelease:
        """Return a release with the times of the stored metadata of its channel."""
        channel = catalogue.release.channel
        return cls(catalogue, kept.verified_at(channel), kept.ended(channel, datetime.now(UTC)))

    @property
    def release(self) -> Release:
        """The release."""
        return self.catalogue.release

    def __str__(self) -> str:
        text = f"{self.release}, verified last at {utc_text(self.at)}"
        if self.newer:
            text += f"; release {self.newer} is newer, but less of it is on this host"
        if self.ended:
            text += f"; its metadata expired at {utc_text(self.ended)}, so fixes may be missing"
        return text


class KeptLists:
    """The lists of advisories that were verified last."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._downloads = Downloads(NoReader(), host.blobs)

    def advisories(self, subscription: Subscription) -> AdvisoryDocuments:
        """As `AdvisoryLists.advisories`. Raises `NothingVerifiedError`."""
        return self._host.subscriptions.kept(subscription).advisories(), self._downloads

    def imported_advisories(self, pin: Import, subscription: Subscription) -> AdvisoryDocuments:
        """As `AdvisoryLists.imported_advisories`. Raises `NothingVerifiedError`."""
        return self._host.imported(subscription).kept(pin).advisories(), self._downloads


class NoReader:
    """In place of a repository that is not asked: has no files."""

    def stream(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """Find nothing."""
        del offset
        raise FileNotFoundError(path)


class KeptReader:
    """In place of a repository that is not asked: has the releases of it that were verified on this host."""

    def __init__(self, kept: KeptMetadata) -> None:
        self._kept = kept

    def stream(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """Yield a release, where `path` is the path of one. Raises `FileNotFoundError` otherwise."""
        head = self._kept.release(Digest.from_hex("".join(path.split("/")[-2:])))
        if head is None:
            raise FileNotFoundError(path)
        yield head[offset:]


def last_verified(host: Host, channel: str = "") -> OfflineRelease:
    """Return the last verified release of a subscribed channel. Raises `NothingVerifiedError`, `SubscriptionError`."""
    subscription = host.subscriptions.find(channel)
    kept = host.subscriptions.kept(subscription)
    release, builders = kept.last(subscription.channel)
    downloads = Downloads(KeptReader(kept), host.blobs)
    imported = host.imported()

    catalogue = Catalogue(
        release, lambda: builders, downloads, lambda pin: pinned_in_kept(host, pin, imported.kept(pin))
    )
    return OfflineRelease.of(kept, catalogue)


def pinned_in_kept(host: Host, pin: Import, kept: KeptMetadata) -> Catalogue:
    """Return a pinned release, searched from the last verified one of its channel backwards.

    Raises `NothingVerifiedError`, `DownloadError`, `UntrustedMetadataError`.
    """
    return open_pinned(kept.last(pin.channel), pin, Downloads(KeptReader(kept), host.blobs), host.imported().open)


def last_kept(host: Host, last: OfflineRelease, names: Iterable[str]) -> OfflineRelease:
    """Return the newest release whose data about these packages and their needs is complete on this host.

    Searched from the last verified one backwards; that one is returned where there is none.
    """
    names, newest = tuple(names), last.release
    with suppress(DownloadError, InvalidReleaseError):
        for release, _ in releases_back(last.catalogue):
            catalogue = last.catalogue.of_release(release)
            if _describes(host, catalogue, names):
                return last if release == newest else replace(last, catalogue=catalogue, newer=newest.number)
    return last


def _describes(host: Host, catalogue: Catalogue, names: Iterable[str]) -> bool:
    try:
        entries = catalogue.closure(names)
    except (DownloadError, UnknownPackageError):
        return False
    return all(
        host.blobs.has(blob.digest) for entry in entries for blob in (entry.descriptor, entry.manifest, entry.facts)
    )


def last_with(host: Host, names: Iterable[str], channel: str = "") -> OfflineRelease:
    """Return the last verified release that has these packages, chosen as by `Chooser.catalogue`.

    Raises what that raises, `NothingVerifiedError`, `NotHereError`.
    """
    opened: dict[str, OfflineRelease] = {}

    def catalogue(name: str) -> Catalogue:
        opened[name] = last_verified(host, name)
        return opened[name].catalogue

    try:
        release = Chooser(host.subscriptions, catalogue).catalogue(names, channel).release
    except DownloadError as error:
        raise NotHereError(error.what, " or ".join(str(verified.release) for verified in opened.values())) from error
    return opened[release.subscription]


@contextmanager
def nothing_fetched(last: OfflineRelease) -> Iterator[None]:
    """Turn a failed fetch inside the block into an error that names what is missing here. Raises `NotHereError`."""
    try:
        yield
    except DownloadError as error:
        raise NotHereError(error.what, str(last.release)) from error
