"""Subscriptions: which channels this host follows, from where, and the root metadata that each trusts for good.

`STATE/subscriptions/<distribution>/<channel>/` holds `subscription.json`, the pinned `root.json`, and TUF's metadata.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from farm.client.readers import open_reader
from farm.errors import FarmError
from farm.names import Digest, PackageName
from farm.trust.announced_root import announced_root
from farm.trust.client_metadata import ChannelMetadata
from farm.trust.kept_metadata import KeptMetadata
from farm.trust.repository import replace_file


class SubscriptionError(FarmError):
    """There is no such subscription, more than one fits, or it contradicts one that is there."""

    code = "subscription"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A channel that this host follows. `fingerprint` is the digest of the root metadata pinned on subscribing."""

    distribution: str
    channel: str
    address: str
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.distribution}/{self.channel}"


class Subscriptions:
    """All subscriptions below one state directory."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "subscriptions"

    def subscribe(self, address: str, channel: str, fingerprint: Digest, *, owner: str = "") -> Subscription:
        """Pin the root of the repository at `address` and verify the channel once; changes nothing on failure.

        The fingerprint may be of any version of root: an owner whose first keys were stolen announces a later one.
        `owner` is the distribution that it must be, where that is known.

        Raises `UntrustedMetadataError`, `SubscriptionError`, `InvalidAddressError`.
        """
        reader = open_reader(address)
        root = announced_root(reader, address, fingerprint)
        with tempfile.TemporaryDirectory() as first:
            release, _ = ChannelMetadata(Path(first), root, reader).newest(channel)
            later = roots_in(Path(first))
        # The signed release says whose it is; as a name it goes into paths, so its form is checked.
        PackageName(release.distribution, "any")
        if owner not in ("", release.distribution):
            raise SubscriptionError(
                f"the repository at {address} is that of {release.distribution}, not of {owner}",
                remedy=f"Nothing was changed. Tell the owner of {owner}.",
            )
        subscription = Subscription(release.distribution, channel, address, fingerprint)
        self._check_one_owner(subscription, later)
        folder = self._path(subscription)
        if (folder / "root.json").exists() and Digest.of((folder / "root.json").read_bytes()) != fingerprint:
            raise SubscriptionError(
                f"{subscription} is subscribed with another root",
                remedy=f"A distribution does not change its root: ask its owner. To start over, remove {folder}.",
            )
        replace_file(folder / "root.json", root)
        replace_file(folder / "subscription.json", (json.dumps(asdict(subscription), indent=1) + "\n").encode())
        return subscription

    def all(self) -> tuple[Subscription, ...]:
        """Return all subscriptions, sorted by name."""
        found = sorted(self._folder.glob("[!.]*/*/subscription.json"))
        return tuple(Subscription(**json.loads(path.read_text())) for path in found)

    def find(self, name: str = "") -> Subscription:
        """Return the subscription `distribution/channel` or `channel`, or the only one. Raises `SubscriptionError`."""
        subscriptions = self.all()
        matching = [each for each in subscriptions if name in ("", each.channel, str(each))]
        if len(matching) == 1:
            return matching[0]
        if not subscriptions:
            raise SubscriptionError("this host follows no channel", remedy="Begin with `farm subscribe`.")
        names = ", ".join(str(each) for each in subscriptions)
        wanted = f"no subscription is called {name!r}" if not matching else "several subscriptions fit"
        raise SubscriptionError(
            f"{wanted}; there are {names}", remedy="Choose one with --channel DISTRIBUTION/CHANNEL."
        )

    def metadata(self, subscription: Subscription) -> ChannelMetadata:
        """Return the verifier of a subscription's metadata; raises `InvalidAddressError`."""
        folder = self._path(subscription)
        root = (folder / "root.json").read_bytes()
        return ChannelMetadata(folder / "metadata", root, open_reader(subscription.address))

    def kept(self, subscription: Subscription) -> KeptMetadata:
        """Return what was verified of a subscription before."""
        return KeptMetadata(self._path(subscription) / "metadata")

    def roots_of(self, subscription: Subscription) -> set[Digest]:
        """Return the fingerprints of the roots of a subscription: the pinned one, and all verified after it."""
        return {Digest(subscription.fingerprint), *roots_in(self._path(subscription) / "metadata")}

    def _check_one_owner(self, new: Subscription, later: set[Digest]) -> None:
        """Refuse another root for a distribution that is followed here; `later` are those that the new one leads to.

        Two versions of one root are fine: the owner has signed the way from one to the other.
        """
        for each in self.all():
            if each.distribution != new.distribution or each.channel == new.channel:
                continue
            known = self.roots_of(each)
            if new.fingerprint not in known and each.fingerprint not in later:
                raise SubscriptionError(
                    f"this host follows {each} with another root: {each.fingerprint}, not {new.fingerprint}",
                    remedy=f"Nothing was changed. A distribution has one root: ask the owner of {each.distribution}.",
                )

    def _path(self, subscription: Subscription) -> Path:
        return self._folder / subscription.distribution / subscription.channel


def roots_in(metadata: Path) -> set[Digest]:
    """Return the fingerprints of the roots that were verified, one after the other, in a folder of metadata."""
    return {Digest.of(path.read_bytes()) for path in (metadata / "root_history").glob("*.root.json")}
