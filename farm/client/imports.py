"""Releases of other distributions that a release has pinned: each verified against its own distribution's root.

`STATE/imports/<distribution>/<fingerprint>/` holds that root and TUF's metadata, apart from every subscription.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.client.catalogue import Catalogue
from farm.client.download import Downloads
from farm.client.readers import open_reader
from farm.client.subscriptions import SubscriptionError
from farm.names import Digest
from farm.trust.announced_root import announced_root
from farm.trust.client_metadata import ChannelMetadata, UntrustedMetadataError
from farm.trust.durable_file import replace_file
from farm.trust.earlier_release import pinned_release

if TYPE_CHECKING:
    from pathlib import Path

    from farm.blobs import BlobStore
    from farm.client.subscriptions import Subscriptions
    from farm.trust.client_metadata import RepositoryReader
    from farm.trust.imports import Import


class ImportedReleases:
    """Opens pinned releases for one host."""

    def __init__(self, state: Path, blobs: BlobStore, subscriptions: Subscriptions) -> None:
        self._folder = state / "imports"
        self._blobs = blobs
        self._subscriptions = subscriptions

    def open(self, pin: Import) -> Catalogue:
        """Return the pinned release, verified from the root that the import names.

        A host that follows the distribution under another root takes nothing of it. Raises `SubscriptionError`,
        `UntrustedMetadataError`, `DownloadError`, `InvalidReleaseError`.
        """
        self._check_subscribed(pin)
        reader = open_reader(pin.address)
        downloads = Downloads(reader, self._blobs)
        try:
            folder = self._folder / pin.distribution / pin.root.hex
            metadata = ChannelMetadata(folder / "metadata", self._root(folder, reader, pin), reader)
            newest, builders = metadata.newest(pin.channel)
            what = f"earlier release of {pin.distribution}/{pin.channel}"
            release = pinned_release(newest, pin, lambda blob: downloads.read(blob, what))
        except UntrustedMetadataError as error:
            raise UntrustedMetadataError(
                error.reason,
                f"packages of {pin.distribution} are taken from {pin.address}: {error.message}",
                error.remedy,
            ) from error
        return Catalogue(release, builders, downloads)

    def _check_subscribed(self, pin: Import) -> None:
        for each in self._subscriptions.all():
            if each.distribution == pin.distribution and each.fingerprint != pin.root:
                raise SubscriptionError(
                    f"{pin} is pinned with the root {pin.root}, and this host follows {each} with the root "
                    f"{each.fingerprint}",
                    remedy=f"Nothing was changed. One of the two is not {pin.distribution}: ask both owners which.",
                )

    def _root(self, folder: Path, reader: RepositoryReader, pin: Import) -> bytes:
        path = folder / "root.json"
        if path.exists() and Digest.of(root := path.read_bytes()) == pin.root:
            return root
        root = announced_root(reader, pin.address, pin.root)
        replace_file(path, root)
        return root
