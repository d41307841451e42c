"""Releases of other distributions that a release has pinned: each verified against its own distribution's root.

`STATE/imports/<distribution>/<fingerprint>/` holds that root and the TUF metadata, apart from every subscription.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from farm.client.repository.catalogue import open_pinned
from farm.client.repository.download import Downloads
from farm.client.repository.mirrored_metadata import MirroredMetadata
from farm.client.repository.mirrors import Mirrors
from farm.client.repository.readers import open_reader
from farm.client.repository.subscriptions import SubscriptionError, roots_in
from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.store.durable_file import replace_file
from farm.trust.layout import IMPORTS
from farm.trust.untrusted_metadata import UntrustedMetadataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from farm.client.repository.advisory_sources import AdvisoryDocuments
    from farm.client.repository.catalogue import Catalogue
    from farm.client.repository.subscriptions import Subscription, Subscriptions
    from farm.store.blobs import BlobStore
    from farm.trust.index.imports import Import
    from farm.trust.verification.client_metadata import ChannelMetadata, RepositoryReader
    from farm.trust.verification.stored_metadata import KeptMetadata


class ImportedReleases:
    """Opens pinned releases for one host."""

    def __init__(
        self,
        state: Path,
        blobs: BlobStore,
        subscriptions: Subscriptions,
        mirrors: Mirrors | None = None,
        places: Sequence[str] = (),
    ) -> None:
        """`places` are repositories that may mirror what they import; they are tried where the owner's fails."""
        self._folder = state / "imports"
        self._blobs = blobs
        self._subscriptions = subscriptions
        self._mirrors = mirrors or Mirrors()
        self._places = places

    def open(self, pin: Import) -> Catalogue:
        """Return the pinned release, verified from the root that the import names.

        Refuses an import from a distribution that this host follows under another root. Raises `SubscriptionError`,
        `UntrustedMetadataError`, `DownloadError`, `InvalidReleaseError`.
        """
        with _origin_named(pin):
            metadata = self.metadata(pin)
            newest = metadata.newest(pin.channel)
            self._check_subscribed(pin)
            return open_pinned(newest, pin, Downloads(open_reader(metadata.place), self._blobs))

    def advisories(self, pin: Import) -> AdvisoryDocuments:
        """Return the newest verified documents about advisories of the distribution, by name, and what fetches blobs.

        Raises as `open`.
        """
        with _origin_named(pin):
            metadata = self.metadata(pin)
            documents = metadata.advisories()
        self._check_subscribed(pin)
        return documents, Downloads(open_reader(metadata.place), self._blobs)

    def kept(self, pin: Import) -> KeptMetadata:
        """Return what was verified of the other distribution before."""
        from farm.trust.verification.stored_metadata import KeptMetadata  # noqa: PLC0415  (loads TUF's documents)

        return KeptMetadata(self.folder_of(pin) / "metadata")

    def metadata(self, pin: Import) -> MirroredMetadata:
        """Return the verifier of the other distribution's metadata, which starts at its root."""
        folder = self.folder_of(pin)

        def verifier(reader: RepositoryReader, place: str) -> ChannelMetadata:
            from farm.trust.verification.client_metadata import ChannelMetadata  # noqa: PLC0415  (loads TUF's client)

            return ChannelMetadata(folder / "metadata", self._root(folder, reader, pin, place), reader)

        # Where a mirror keeps what its channel imports from another distribution.
        places = [f"{place.rstrip('/')}/{IMPORTS}/{pin.distribution}" for place in self._places]
        return MirroredMetadata(pin.address, places, verifier, self._mirrors, is_promised=False)

    def folder_of(self, pin: Import) -> Path:
        """Return the directory of the other distribution's root and metadata."""
        return self._folder / pin.distribution / pin.root.hex

    def _check_subscribed(self, pin: Import) -> None:
        """Refuse two roots of one distribution, unless its owner has signed the rotation from one to the other."""
        for subscription in self._subscriptions.all():
            if subscription.distribution == pin.distribution and not self._is_one_root(subscription, pin):
                raise SubscriptionError(
                    f"{pin} is pinned with the root {pin.root}, and this host follows {subscription} with the root "
                    f"{subscription.fingerprint}",
                    remedy=f"Nothing was changed. One of the two is not {pin.distribution}: ask both owners which.",
                )

    def _is_one_root(self, subscription: Subscription, pin: Import) -> bool:
        if pin.root in self._subscriptions.roots_of(subscription):
            return True
        if subscription.fingerprint in roots_in(self.folder_of(pin) / "metadata"):
            return True
        # The root of the pin may be newer than what the host has seen of the channel that it follows itself.
        with suppress(FarmError):
            self._subscriptions.metadata(subscription).newest(subscription.channel)
        return pin.root in self._subscriptions.roots_of(subscription)

    def _root(self, folder: Path, reader: RepositoryReader, pin: Import, place: str) -> bytes:
        path = folder / "root.json"
        if path.exists() and Digest.of(root := path.read_bytes()) == pin.root:
            return root
        from farm.trust.verification.announced_root import announced_root  # noqa: PLC0415  (loads TUF's client)

        root = announced_root(reader, place, pin.root)
        replace_file(path, root)
        return root


@contextmanager
def _origin_named(pin: Import) -> Iterator[None]:
    """Add to every error whose packages it is about, and where they are imported from."""
    try:
        yield
    except UntrustedMetadataError as error:
        raise UntrustedMetadataError(
            error.reason, f"packages of {pin.distribution} are taken from {pin.address}: {error.message}", error.remedy
        ) from error
