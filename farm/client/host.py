"""What one host has: its store of blobs, its cache of unpacked packages, its subscriptions. Shared by all its roots."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from farm.blobs import BlobStore, CorruptBlobError, PackageCache
from farm.client.archives import fetch_archives
from farm.client.catalogue import Catalogue
from farm.client.download import Downloads
from farm.client.imports import ImportedReleases
from farm.client.readers import open_reader
from farm.client.subscriptions import Subscriptions
from farm.compat import compose
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from farm.client.catalogue import VerifiedPackage
    from farm.compat import Composition
    from farm.names import Digest
    from farm.plan import BlobRef


class Host:
    """The subscriber's state in one directory; `shared` is what all states of the machine share, verified by digest."""

    def __init__(self, state: Path, shared: Path) -> None:
        self.state = state
        self.blobs = BlobStore(shared / "blobs")
        self.cache = PackageCache(shared / "packages")
        self.subscriptions = Subscriptions(state)

    def catalogue(self, channel: str = "") -> Catalogue:
        """Return the newest verified release of a subscribed channel. Raises what subscriptions and metadata raise."""
        subscription = self.subscriptions.find(channel)
        release, builders = self.subscriptions.metadata(subscription).newest(subscription.channel)
        downloads = Downloads(open_reader(subscription.address), self.blobs)
        imported = ImportedReleases(self.state, self.blobs, self.subscriptions)
        return Catalogue(release, builders, downloads, imported.open)

    def unpack(self, packages: Sequence[VerifiedPackage], progress: Callable[[BlobRef], None]) -> dict[str, Path]:
        """Bring packages into the host's cache, verified; return their directories by store name.

        Raises `DownloadError` and what the cache refuses. `progress` is called with each archive that has arrived.
        """
        fetch_archives([each for each in packages if not self.cache.path(each.store).exists()], progress)
        return {each.store: self._unpacked(each) for each in packages}

    def _unpacked(self, package: VerifiedPackage) -> Path:
        archive = package.entry.archive
        unpack = partial(
            self.cache.ensure, package.store, package.manifest.tree_digest, lambda: self.blobs.open(archive.digest)
        )
        try:
            return unpack()
        except FarmError:
            if self._is_whole(archive.digest):
                raise
        # The archive rotted here since it was fetched, perhaps long ago.
        self.blobs.delete(archive.digest)
        package.downloads.ensure(archive, f"archive of {package.name}")
        return unpack()

    def _is_whole(self, digest: Digest) -> bool:
        try:
            self.blobs.verify(digest)
        except CorruptBlobError:
            return False
        return True


def composition_of(packages: Sequence[VerifiedPackage]) -> Composition:
    """Return how these packages make one root; raises `ForestConflictError`."""
    return compose([(each.descriptor, each.manifest) for each in packages], base=None)
