"""The last verified release of a channel, for use when its repository cannot be reached: from this host's data only.

The release was proven and signed when it was verified, so the parts of it that are on this host may run. Whether a
newer one exists cannot be known, and the user is warned about that.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farm.client.repository.catalogue import Catalogue, UnknownPackageError
from farm.client.repository.choosing import Chooser
from farm.client.repository.download import DownloadError, Downloads
from farm.client.repository.earlier_releases import releases_back
from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.trust.index.earlier_release import pinned_release
from farm.trust.index.release_index import InvalidReleaseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from farm.client.repository.host import Host
    from farm.client.repository.subscriptions import Subscription
    from farm.trust.index.imports import Import
    from farm.trust.verification.stored_metadata import KeptMetadata


class NotHereError(FarmError):
    """What was requested is not complete on this host, and nothing can be fetched."""

    code = "not-here"

    def __init__(
        self,
        what: str,
        release: str,
        remedy: str = "Run it once while the repository can be reached; then it runs without it.",
    ) -> None:
        super().__init__(
            f"{release} is the last that was verified, and this host does not have all of it: the {what} is missing",
            remedy=remedy,
        )


@dataclass(frozen=True, slots=True)
class LastVerified:
    """A release as it was verified last: `at` is the time of that, `ended` the time when its metadata expired.

    `lists` are the advisories of that time. `newer` is the number of the release that was verified then, where this is
    an earlier one of which more is on this host.
    """

    catalogue: Catalogue
    at: datetime
    ended: datetime | None
    lists: KeptLists
    newer: int = 0

    @classmethod
    def of(cls, kept: KeptMetadata, channel: str, catalogue: Catalogue, lists: KeptLists) -> LastVerified:
        """Return a release of a channel with the times of its stored metadata."""
        return cls(catalogue, kept.verified_at(channel), kept.ended(channel, datetime.now(UTC)), lists)

    @property
    def named(self) -> str:
        """The release, in words."""
        return str(self.catalogue.release)

    @property
    def words(self) -> str:
        """What a user has to know about the release when it runs."""
        return f"running {self.told}"

    @property
    def told(self) -> str:
        """The release and its age, in words."""
        text = f"{self.named}, verified last at {_time(self.at)}"
        if self.newer:
            text += f" before release {self.newer}, of which this host does not have as much"
        if self.ended:
            text += f"; its metadata has expired since {_time(self.ended)}, so that fixes may be missing"
        return text


class KeptLists:
    """The lists of advisories that were verified last."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._imported = host.imported()

    def own(self, subscription: Subscription) -> tuple[Mapping[str, bytes], Downloads]:
        """Return the documents of a followed distribution. Raises `NothingVerifiedError`."""
        return self._host.subscriptions.kept(subscription).advisories(), self._downloads()

    def of(self, pin: Import) -> tuple[Mapping[str, bytes], Downloads]:
        """Return the documents of a distribution that a release imports from. Raises `NothingVerifiedError`."""
        return self._imported.kept(pin).advisories(), self._downloads()

    def _downloads(self) -> Downloads:
        return Downloads(NoReader(), self._host.blobs)


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


def last_verified(host: Host, channel: str = "") -> LastVerified:
    """Return the last verified release of a subscribed channel. Raises `NothingVerifiedError`, `SubscriptionError`."""
    subscription = host.subscriptions.find(channel)
    kept = host.subscriptions.kept(subscription)
    release, builders = kept.last(subscription.channel)
    downloads = Downloads(KeptReader(kept), host.blobs)
    imported = host.imported()

    def opened(pin: Import) -> Catalogue:
        return pinned_of_import(host, pin, imported.kept(pin))

    catalogue = Catalogue(release, lambda: builders, downloads, opened)
    return LastVerified.of(kept, subscription.channel, catalogue, KeptLists(host))


def pinned_of_import(host: Host, pin: Import, kept: KeptMetadata) -> Catalogue:
    """Return a pinned release of another distribution, searched from its last verified one backwards.

    Raises `NothingVerifiedError`, `DownloadError`, `UntrustedMetadataError`.
    """
    newest, builders = kept.last(pin.channel)
    downloads = Downloads(KeptReader(kept), host.blobs)
    what = f"earlier release of {pin.distribution}/{pin.channel}"
    release = pinned_release(newest, pin, lambda blob: downloads.read(blob, what))
    return Catalogue(release, lambda: builders, downloads, host.imported().open)


def last_kept(host: Host, last: LastVerified, names: Iterable[str]) -> LastVerified:
    """Return the newest release whose data about these packages and their needs is complete on this host.

    Searched from the last verified one backwards; that one is returned where there is none.
    """
    newest, names = last.catalogue.release, tuple(names)
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


def last_with(host: Host, names: Iterable[str], channel: str = "") -> LastVerified:
    """Return the last verified release that has these packages, chosen as by `Chooser.catalogue`.

    Raises what that raises, `NothingVerifiedError`, `NotHereError`.
    """
    opened: dict[str, LastVerified] = {}

    def catalogue(name: str) -> Catalogue:
        opened[name] = last_verified(host, name)
        return opened[name].catalogue

    try:
        release = Chooser(host.subscriptions, catalogue).catalogue(names, channel).release
    except DownloadError as error:
        raise NotHereError(error.what, " or ".join(verified.named for verified in opened.values())) from error
    return opened[release.subscription]


@contextmanager
def nothing_fetched(last: LastVerified) -> Iterator[None]:
    """Turn a failed fetch inside the block into an error that names what is missing here. Raises `NotHereError`."""
    try:
        yield
    except DownloadError as error:
        raise NotHereError(error.what, last.named) from error


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
