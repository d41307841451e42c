"""A host for commands that only read: what is installed, made or running here, and where it comes from.

Where a repository cannot be reached, or its metadata has expired, the last verified release is used in place of the
newest, and the user sees its number and age. Nothing may be installed, upgraded or made with this host.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from farm.client.repository.choosing import Chooser
from farm.client.repository.download import DownloadError, Downloads
from farm.client.repository.host import Host, pin_of
from farm.client.repository.imports import ImportedReleases
from farm.client.repository.mirrored_metadata import is_unreachable
from farm.client.repository.mirrors import ignore_warning
from farm.client.repository.offline import (
    NoReader,
    NotHereError,
    OfflineRelease,
    last_kept,
    last_verified,
    pinned_in_kept,
)
from farm.errors import FarmError
from farm.trust.untrusted_metadata import UntrustedMetadataError
from farm.trust.verification.stored_metadata import NothingVerifiedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from farm.client.repository.advisory_sources import AdvisoryDocuments
    from farm.client.repository.catalogue import Catalogue
    from farm.client.repository.mirrors import Warn
    from farm.client.repository.subscriptions import Subscription
    from farm.core.sets.members.set_record import ReleaseRef
    from farm.trust.index.imports import Import
    from farm.trust.verification.stored_metadata import KeptMetadata


@dataclass(frozen=True, slots=True)
class Fallback:
    """A release that was used in place of the newest of its channel, and why the newest is unknown."""

    last: OfflineRelease
    why: str

    def __str__(self) -> str:
        return f"{self.why}: using {self.last}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values. `expired-since` is null where its metadata is still valid.

        `newer` is the release that was verified after it, where less of that one is on this host.
        """
        release = self.last.release
        newer = {"newer": self.last.newer} if self.last.newer else {}
        return newer | {
            "channel": release.subscription,
            "release": release.number,
            "verified-at": self.last.at.isoformat(timespec="seconds"),
            "expired-since": self.last.ended.isoformat(timespec="seconds") if self.last.ended else None,
            "why": self.why,
        }


class ReadOnlyHost(Host):
    """A host that uses the last verified releases and advisories where the newest cannot be known.

    `fallbacks` are the releases that were used so, by channel.
    """

    def __init__(self, state: Path, shared: Path, warn: Warn = ignore_warning) -> None:
        super().__init__(state, shared, warn)
        self.fallbacks: dict[str, Fallback] = {}

    @property
    def has_expired(self) -> bool:
        """Whether metadata that was used has expired: then an advisory may be missing from it."""
        return any(fallback.last.ended for fallback in self.fallbacks.values())

    def catalogue(self, channel: str = "") -> Catalogue:
        """As `Host.catalogue`, else the last verified release. Raises `NothingVerifiedError` too."""
        name = str(self.subscriptions.find(channel))
        if name not in self.fallbacks:
            try:
                return super().catalogue(name)
            except FarmError as error:
                self.fall_back(name, error, lambda: last_verified(self, name))
        return self.fallbacks[name].last.catalogue

    def catalogue_of(self, names: Iterable[str], channel: str = "") -> Catalogue:
        """As `Host.catalogue_of`, else the last release whose data about these packages is on this host."""
        names = tuple(names)

        def opened(name: str) -> Catalogue:
            catalogue = self.catalogue(name)
            if name not in self.fallbacks:
                return catalogue
            last = last_kept(self, self.fallbacks[name].last, names)
            self.fallbacks[name] = replace(self.fallbacks[name], last=last)
            return last.catalogue

        return Chooser(self.subscriptions, opened).catalogue(names, channel)

    def pinned(self, ref: ReleaseRef) -> Catalogue:
        """As `Host.pinned`, else searched from the last verified release. Raises `NotHereError` too."""
        subscription = self.subscriptions.find(ref.subscription)
        name = str(subscription)
        if name not in self.fallbacks:
            try:
                return super().pinned(ref)
            except FarmError as error:
                self.fall_back(name, error, lambda: last_verified(self, name))
        return pinned_in_kept(self, pin_of(subscription, ref), self.subscriptions.kept(subscription))

    def imported(self, subscription: Subscription | None = None) -> ImportedReleases:
        """As `Host.imported`, else with the last verified releases of other distributions."""
        places = (subscription.address, *subscription.mirrors) if subscription else ()
        return _Imported(self, places)

    def advisories(self, subscription: Subscription) -> AdvisoryDocuments:
        """As `Host.advisories`, else the last verified ones. Raises `NotHereError` too."""
        name = str(subscription)
        if name not in self.fallbacks:
            try:
                return super().advisories(subscription)
            except FarmError as error:
                self.fall_back(name, error, lambda: last_verified(self, name))
        return self.kept_advisories(self.subscriptions.kept(subscription), subscription.distribution)

    def imported_advisories(self, pin: Import, subscription: Subscription) -> AdvisoryDocuments:  # noqa: ARG002
        """As `Host.imported_advisories`, but from the distribution's own address, else the last verified ones."""
        return self.imported().advisories(pin)

    def kept_advisories(self, kept: KeptMetadata, distribution: str) -> AdvisoryDocuments:
        """Return what was verified last. Raises `NotHereError` where nothing was ever verified."""
        try:
            return kept.advisories(), Downloads(NoReader(), self.blobs)
        except NothingVerifiedError as error:
            raise self.not_here(f"list of advisories of {distribution}") from error

    def not_here(self, what: str) -> NotHereError:
        """Return the error that something is missing on this host."""
        releases = " or ".join(str(fallback.last.release) for fallback in self.fallbacks.values())
        return NotHereError(what, releases, "Ask again while the repository can be reached.")

    def fall_back(self, channel: str, error: FarmError, last: Callable[[], OfflineRelease]) -> None:
        """Use the last verified release for a channel; raises `error` unless it means that the newest is unknown."""
        # No place can be reached, or the metadata there has expired.
        if not (is_unreachable(error) or (isinstance(error, UntrustedMetadataError) and error.reason == "expired")):
            raise error
        try:
            self.fallbacks[channel] = Fallback(last(), error.message)
        except NothingVerifiedError:
            raise error from None


@contextmanager
def nothing_fetched(host: ReadOnlyHost) -> Iterator[None]:
    """Turn a failed fetch for a release that is not the newest into an error that names what is missing.

    Raises `NotHereError`.
    """
    try:
        yield
    except DownloadError as error:
        if not host.fallbacks:
            raise
        raise host.not_here(error.what) from error


class _Imported(ImportedReleases):
    def __init__(self, host: ReadOnlyHost, places: Sequence[str]) -> None:
        super().__init__(host.state, host.blobs, host.subscriptions, host.mirrors, places)
        self._host = host

    def open(self, pin: Import) -> Catalogue:
        try:
            return super().open(pin)
        except FarmError as error:
            return self._fall_back(pin, error).catalogue

    def advisories(self, pin: Import) -> AdvisoryDocuments:
        try:
            return super().advisories(pin)
        except FarmError as error:
            self._fall_back(pin, error)
        return self._host.kept_advisories(self.kept(pin), pin.distribution)

    def _fall_back(self, pin: Import, error: FarmError) -> OfflineRelease:
        channel, kept = f"{pin.distribution}/{pin.channel}", self.kept(pin)
        self._host.fall_back(channel, error, lambda: OfflineRelease.of(kept, pinned_in_kept(self._host, pin, kept)))
        return self._host.fallbacks[channel].last
