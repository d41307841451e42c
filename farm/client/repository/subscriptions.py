"""Subscriptions: the channels that this host follows, their addresses, and the root metadata that each has pinned.

`STATE/subscriptions/<distribution>/<channel>/` holds `subscription.json`, the pinned `root.json`, and the TUF metadata.
"""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from farm.client.repository.download import Downloads
from farm.client.repository.known_names import KnownNames
from farm.client.repository.mirrored_metadata import MirroredMetadata
from farm.client.repository.mirrors import Mirror, Mirrors
from farm.client.repository.readers import InvalidAddressError, open_reader
from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.errors import FarmError
from farm.store.durable_file import replace_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.client.repository.readers import BlobReader
    from farm.store.blobs import BlobStore
    from farm.trust.verification.client_metadata import ChannelMetadata
    from farm.trust.verification.stored_metadata import KeptMetadata


class SubscriptionError(FarmError):
    """There is no such subscription, several match, or a new one contradicts an existing one."""

    code = "subscription"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A channel that this host follows. `fingerprint` is the digest of its pinned root metadata.

    `mirrors` are asked for blobs before its address, in this order. Where several subscriptions have a package of one
    short name, the name refers to the one with the highest `priority`; between equal priorities it is ambiguous.
    """

    distribution: str
    channel: str
    address: str
    fingerprint: str
    mirrors: tuple[str, ...] = ()
    priority: int = 0

    def __str__(self) -> str:
        return f"{self.distribution}/{self.channel}"


class Subscriptions:
    """All subscriptions below one state directory."""

    def __init__(self, state: Path, mirrors: Mirrors | None = None) -> None:
        self._folder = state / "subscriptions"
        self.names = KnownNames(state)
        self._mirrors = mirrors or Mirrors()

    def subscribe(self, address: str, channel: str, fingerprint: Digest, *, owner: str = "") -> Subscription:
        """Pin the root of the repository at `address` and verify the channel once; changes nothing on failure.

        The fingerprint may be of any version of root: an owner whose first keys were stolen announces a later one.
        `owner` is the expected distribution, where that is known. A channel that is already followed keeps its mirrors
        and its priority.

        Raises `UntrustedMetadataError`, `SubscriptionError`, `InvalidAddressError`.
        """
        root, distribution, later = _verified_root(address, channel, fingerprint)
        if owner not in ("", distribution):
            raise SubscriptionError(
                f"the repository at {address} is that of {distribution}, not of {owner}",
                remedy=f"Nothing was changed. Tell the owner of {owner}.",
            )
        subscription = Subscription(distribution, channel, address, fingerprint)
        before = next((followed for followed in self.all() if str(followed) == str(subscription)), None)
        if before:
            subscription = replace(subscription, mirrors=before.mirrors, priority=before.priority)
        self._check_one_owner(subscription, later)
        # What is pinned is compared by its record: where the file itself was damaged, this repairs it.
        if before and before.fingerprint != fingerprint:
            raise SubscriptionError(
                f"{subscription} is subscribed with another root",
                remedy="A distribution does not change its root: ask its owner. To start over: "
                f"`farm unsubscribe {subscription}`.",
            )
        replace_file(self._path(subscription) / "root.json", root)
        self._write(subscription)
        return subscription

    def change(
        self, subscription: Subscription, *, mirrors: Sequence[str] | None = None, priority: int | None = None
    ) -> Subscription:
        """Change the mirrors or the priority of a subscription; None keeps a value. Raises `InvalidAddressError`."""
        changed = replace(
            subscription,
            mirrors=subscription.mirrors if mirrors is None else checked_mirrors(mirrors),
            priority=subscription.priority if priority is None else priority,
        )
        self._write(changed)
        if priority is not None:
            self.names.forget()
        return changed

    def unsubscribe(self, subscription: Subscription) -> None:
        """Remove a subscription, with its pinned root and everything that was verified from it."""
        folder = self._path(subscription)
        gone = self._folder / f".{secrets.token_hex(8)}"
        folder.rename(gone)
        self.names.forget()
        for path in self._folder.glob(".*"):  # what a killed process has left, too
            shutil.rmtree(path)
        with suppress(OSError):  # another channel of the distribution is followed
            folder.parent.rmdir()

    def all(self) -> tuple[Subscription, ...]:
        """Return all subscriptions, sorted by name. Raises `SubscriptionError` for a damaged record."""
        return tuple(_read(path) for path in sorted(self._folder.glob("[!.]*/*/subscription.json")))

    def find(self, name: str = "") -> Subscription:
        """Return the subscription `distribution/channel` or `channel`; without a name, the one of the highest priority.

        Raises `SubscriptionError`, also where several match.
        """
        subscriptions = self.all()
        matching = [
            subscription for subscription in subscriptions if name in ("", subscription.channel, str(subscription))
        ]
        if not name:
            first = max((subscription.priority for subscription in subscriptions), default=0)
            matching = [subscription for subscription in subscriptions if subscription.priority == first]
        if len(matching) == 1:
            return matching[0]
        if not subscriptions:
            raise SubscriptionError("this host follows no channel", remedy="Begin with `farm subscribe`.")
        names = ", ".join(str(subscription) for subscription in subscriptions)
        problem = f"no subscription is called {name!r}" if not matching else "several subscriptions match"
        remedy = "Choose one with --channel DISTRIBUTION/CHANNEL."
        if not name:
            one = matching[0]
            remedy += f" Or for good: `farm subscriptions set {one} --priority {one.priority + 1}`."
        raise SubscriptionError(f"{problem}; there are {names}", remedy=remedy)

    def metadata(self, subscription: Subscription, state: Path | None = None) -> MirroredMetadata:
        """Return the verifier of a subscription's metadata, which stores it in `state` if given."""
        state = state or self.metadata_folder(subscription)
        root = self.pinned_root(subscription)

        def verifier(reader: BlobReader, _place: str) -> ChannelMetadata:
            from farm.trust.verification.client_metadata import ChannelMetadata  # noqa: PLC0415  (loads TUF's client)

            return ChannelMetadata(state, root, reader)

        return MirroredMetadata(subscription.address, subscription.mirrors, verifier, self._mirrors)

    def metadata_folder(self, subscription: Subscription) -> Path:
        """Return the directory of a subscription's verified metadata."""
        return self._path(subscription) / "metadata"

    def pinned_root(self, subscription: Subscription) -> bytes:
        """Return the root metadata that was pinned on subscribing. Raises `SubscriptionError`."""
        path = self._path(subscription) / "root.json"
        content = path.read_bytes() if path.exists() else b""
        if Digest.of(content) != subscription.fingerprint:
            raise SubscriptionError(
                f"the root metadata that this host pinned for {subscription} is damaged: {path} is not what was "
                "pinned, by its digest",
                remedy="Nothing was changed, and what is installed goes on working. Pin it again, with the fingerprint "
                f"that you gave: `farm subscribe {subscription.address} {subscription.channel} --fingerprint "
                f"{subscription.fingerprint}`.",
            )
        return content

    def downloads(self, subscription: Subscription, store: BlobStore) -> Downloads:
        """Return what fetches a subscription's blobs into a store: from its mirrors, else from its address.

        Raises `InvalidAddressError` where the address is a directory that does not exist, and there is no mirror
        either.
        """
        mirrors = self._mirrors.at(subscription.mirrors)
        try:
            owner = open_reader(subscription.address)
        except InvalidAddressError:
            if not mirrors:
                raise
            owner = Mirror(subscription.address)  # a disk that is not plugged in: opened when it is asked
        return Downloads(owner, store, mirrors)

    def kept(self, subscription: Subscription) -> KeptMetadata:
        """Return what was verified of a subscription before."""
        from farm.trust.verification.stored_metadata import KeptMetadata  # noqa: PLC0415  (loads TUF's documents)

        return KeptMetadata(self.metadata_folder(subscription))

    def roots_of(self, subscription: Subscription) -> set[Digest]:
        """Return the fingerprints of the roots of a subscription: the pinned one, and all verified after it."""
        return {Digest(subscription.fingerprint), *roots_in(self.metadata_folder(subscription))}

    def _check_one_owner(self, new: Subscription, later: set[Digest]) -> None:
        """Refuse another root for a followed distribution; `later` are the roots that the new one leads to.

        Two versions of one root are fine: the owner has signed the rotation from one to the other.
        """
        for subscription in self.all():
            if subscription.distribution != new.distribution or subscription.channel == new.channel:
                continue
            known = self.roots_of(subscription)
            if new.fingerprint not in known and subscription.fingerprint not in later:
                raise SubscriptionError(
                    f"this host follows {subscription} with another root: {subscription.fingerprint}, "
                    f"not {new.fingerprint}",
                    remedy="Nothing was changed. A distribution has one root: "
                    f"ask the owner of {subscription.distribution}.",
                )

    def _write(self, subscription: Subscription) -> None:
        content = (json.dumps(asdict(subscription), indent=1) + "\n").encode()
        replace_file(self._path(subscription) / "subscription.json", content)

    def _path(self, subscription: Subscription) -> Path:
        return self._folder / subscription.distribution / subscription.channel


def _verified_root(address: str, channel: str, fingerprint: Digest) -> tuple[bytes, str, set[Digest]]:
    """Return the root metadata of a fingerprint, the distribution that it leads to, and the roots after it."""
    from farm.trust.verification.announced_root import announced_root  # noqa: PLC0415  (loads TUF's client)
    from farm.trust.verification.client_metadata import ChannelMetadata  # noqa: PLC0415

    reader = open_reader(address)
    root = announced_root(reader, address, fingerprint)
    with tempfile.TemporaryDirectory() as first:
        release, _ = ChannelMetadata(Path(first), root, reader).newest(channel)
        # The signed release names its distribution; the name becomes part of paths, so its form is checked.
        PackageName(release.distribution, "any")
        return root, release.distribution, roots_in(Path(first))


def _read(record: Path) -> Subscription:
    try:
        form = json.loads(record.read_bytes())
        return Subscription(**{**form, "mirrors": tuple(form.get("mirrors", ()))})
    except (ValueError, TypeError, AttributeError) as error:
        raise SubscriptionError(
            f"the record of a subscription is damaged: {record}: {error}",
            remedy=f"Remove {record.parent} and subscribe to it again.",
        ) from error


def checked_mirrors(addresses: Sequence[str]) -> tuple[str, ...]:
    """Return the addresses of mirrors, with directories made absolute. Raises `InvalidAddressError`."""
    return tuple(
        address if address.startswith(("http://", "https://")) else str(Path(address).absolute())
        for address in dict.fromkeys(addresses)
        if open_reader(address)
    )


def roots_in(metadata: Path) -> set[Digest]:
    """Return the fingerprints of the roots that were verified, in order, in a directory of metadata."""
    return {Digest.of(path.read_bytes()) for path in (metadata / "root_history").glob("*.root.json")}
