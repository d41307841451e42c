"""A host for commands that only read: what is installed, made or running here, and where it comes from.

Where a repository cannot be reached, or its metadata has expired, the last verified release is used in place of the
newest, and the user is told its number and age. Nothing may be installed, upgraded or made with this host.
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
from farm.client.repository.mirrors import unheard
from farm.client.repository.offline import (
    KeptLists,
    LastVerified,
    NoReader,
    NotHereError,
    last_kept,
    last_verified,
    pinned_of_import,
)
from farm.errors import FarmError
from farm.trust.untrusted_metadata import UntrustedMetadataError
from farm.trust.verification.stored_metadata import NothingVerifiedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from farm.client.repository.catalogue import Catalogue
    from farm.client.repository.mirrors import Warn
    from farm.client.repository.subscriptions import Subscription
    from farm.core.sets.members.set_record import ReleaseRef
    from farm.trust.index.imports import Import
    from farm.trust.verification.stored_metadata import KeptMetadata


@dataclass(frozen=True, slots=True)
class StoodIn:
    """A release that was used in place of the newest of its channel, and why the newest is unknown."""

    last: LastVerified
    why: str

    def __str__(self) -> str:
        return f"{self.why}: judged by {self.last.told}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values. `expired-since` is null where its metadata is still valid.

        `newer` is the release that was verified after it, where less of that one is on this host.
        """
        release = self.last.catalogue.release
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

    `stood_in` are the releases that were used so, by channel.
    """

    def __init__(self, state: Path, shared: Path, warn: Warn = unheard) -> None:
        super().__init__(state, shared, warn)
        self.stood_in: dict[str, StoodIn] = {}
        self.advisory_lists = _Lists(self)

    @property
    def has_expired(self) -> bool:
        """Whether metadata that was used has expired: then an advisory may be missing from it."""
        return any(each.last.ended for each in self.stood_in.values())

    def catalogue(self, channel: str = "") -> Catalogue:
        """As `Host.catalogue`, else the last verified release. Raises `NothingVerifiedError` too."""
        name = str(self.subscriptions.find(channel))
        if name not in self.stood_in:
            try:
                return super().catalogue(name)
            except FarmError as error:
                self.note(name, error)
        return self.stood_in[name].last.catalogue

    def catalogue_of(self, names: Iterable[str], channel: str = "") -> Catalogue:
        """As `Host.catalogue_of`, else the last release whose data about these packages is on this host."""
        names = tuple(names)

        def opened(name: str) -> Catalogue:
            catalogue = self.catalogue(name)
            if name not in self.stood_in:
                return catalogue
            stood_in = self.stood_in[name]
            self.stood_in[name] = replace(stood_in, last=last_kept(self, stood_in.last, names))
            return self.stood_in[name].last.catalogue

        return Chooser(self.subscriptions, opened).catalogue(names, channel)

    def pinned(self, ref: ReleaseRef) -> Catalogue:
        """As `Host.pinned`, else searched from the last verified release. Raises `NotHereError` too."""
        subscription = self.subscriptions.find(ref.subscription)
        name = str(subscription)
        if name not in self.stood_in:
            try:
                return super().pinned(ref)
            except FarmError as error:
                self.note(name, error)
        return pinned_of_import(self, pin_of(subscription, ref), self.subscriptions.kept(subscription))

    def imported(self, subscription: Subscription | None = None) -> ImportedReleases:
        """As `Host.imported`, else with the last verified releases of other distributions."""
        places = (subscription.address, *subscription.mirrors) if subscription else ()
        return _Imported(self, places)

    def note(self, channel: str, error: FarmError) -> None:
        """Use the last verified release for a channel; raises `error` unless it means that the newest is unknown."""
        if not is_no_news(error):
            raise error
        try:
            self.stood_in[channel] = StoodIn(last_verified(self, channel), error.message)
        except NothingVerifiedError:
            raise error from None


def is_no_news(error: FarmError) -> bool:
    """Return whether the newest release cannot be known: no place can be reached, or the metadata shown has expired."""
    return is_unreachable(error) or (isinstance(error, UntrustedMetadataError) and error.reason == "expired")


@contextmanager
def nothing_fetched(host: ReadOnlyHost) -> Iterator[None]:
    """Turn a failed fetch for a release that is not the newest into an error that names what is missing.

    Raises `NotHereError`.
    """
    try:
        yield
    except DownloadError as error:
        if not host.stood_in:
            raise
        releases = " or ".join(each.last.named for each in host.stood_in.values())
        raise NotHereError(error.what, releases, "Ask again while the repository can be reached.") from error


class _Imported(ImportedReleases):
    def __init__(self, host: ReadOnlyHost, places: Sequence[str]) -> None:
        super().__init__(host.state, host.blobs, host.subscriptions, host.mirrors, places)
        self._host = host

    def open(self, pin: Import) -> Catalogue:
        try:
            return super().open(pin)
        except FarmError as error:
            if not is_no_news(error):
                raise
            return self._substitute(pin, error).catalogue

    def advisories(self, pin: Import) -> tuple[Mapping[str, bytes], Downloads]:
        try:
            return super().advisories(pin)
        except FarmError as error:
            if not is_no_news(error):
                raise
            self._substitute(pin, error)
            return _kept_list(self._host, self.kept(pin), pin.distribution)

    def _substitute(self, pin: Import, error: FarmError) -> LastVerified:
        kept = self.kept(pin)
        try:
            last = LastVerified.of(kept, pin.channel, pinned_of_import(self._host, pin, kept), KeptLists(self._host))
        except NothingVerifiedError:
            raise error from None
        self._host.stood_in[f"{pin.distribution}/{pin.channel}"] = StoodIn(last, error.message)
        return last


class _Lists:
    """The newest lists of advisories, else the last verified ones."""

    def __init__(self, host: ReadOnlyHost) -> None:
        self._host = host

    def own(self, subscription: Subscription) -> tuple[Mapping[str, bytes], Downloads]:
        if str(subscription) not in self._host.stood_in:
            try:
                documents = self._host.subscriptions.metadata(subscription).advisories()
                return documents, self._host.downloads(subscription)
            except FarmError as error:
                self._host.note(str(subscription), error)
        return _kept_list(self._host, self._host.subscriptions.kept(subscription), subscription.distribution)

    def of(self, pin: Import) -> tuple[Mapping[str, bytes], Downloads]:
        return self._host.imported().advisories(pin)


def _kept_list(host: ReadOnlyHost, kept: KeptMetadata, distribution: str) -> tuple[Mapping[str, bytes], Downloads]:
    """Return what was verified last. Raises `NotHereError` where nothing was ever verified."""
    try:
        return kept.advisories(), Downloads(NoReader(), host.blobs)
    except NothingVerifiedError as error:
        releases = " or ".join(each.last.named for each in host.stood_in.values())
        what = f"list of advisories of {distribution}"
        raise NotHereError(what, releases, "Ask again while the repository can be reached.") from error
