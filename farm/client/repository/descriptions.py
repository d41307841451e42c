"""The documents about packages that a recorded set names by digest: on this host, else in the channel of a package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.fileset.manifest import Manifest
from farm.core.package.descriptor import Descriptor
from farm.core.package.facts import PackageFacts
from farm.core.plan.job import BlobRef
from farm.store.errors import CorruptBlobError, MissingBlobError
from farm.trust.blob_limits import LARGEST

if TYPE_CHECKING:
    from farm.client.repository.download import Downloads
    from farm.client.repository.host import Host
    from farm.core.names.digest import Digest
    from farm.core.sets.members.set_record import PlacedPackage

_LARGEST = max(LARGEST[kind] for kind in ("descriptor", "manifest", "facts"))
"""The largest size of a description, in bytes: the digest identifies it, so this is only a bound."""


class Descriptions:
    """Reads the documents about packages; each channel is opened at most once."""

    def __init__(self, host: Host, *, channel: str | None = None) -> None:
        """`channel` is searched for packages that came from no channel, "" for the default one; None: nothing is."""
        self._host = host
        self._has_channel = channel is not None
        self._channel = channel or ""
        self._downloads: dict[str, Downloads] = {}

    def described(self, placed: PlacedPackage) -> tuple[Descriptor, Manifest, PackageFacts]:
        """Return what describes a package. Raises `DownloadError`, and what subscriptions raise."""
        descriptor = Descriptor.from_json(self._read(placed, placed.descriptor))
        manifest = Manifest.from_json(self._read(placed, descriptor.tree))
        return descriptor, manifest, PackageFacts.from_json(self._read(placed, descriptor.facts))

    def document(self, placed: PlacedPackage, blob: BlobRef) -> bytes:
        """Return a document about a package, from this host or from its channel. Raises `DownloadError`."""
        return self._fetching(placed).read(blob, f"document about {placed.name}")

    def ensure(self, placed: PlacedPackage, blob: BlobRef) -> None:
        """Fetch the archive of a package unless it is on this host. Raises `DownloadError`."""
        if not self._host.blobs.has(blob.digest):
            self._fetching(placed).ensure(blob, f"archive of {placed.name}")

    def _read(self, placed: PlacedPackage, digest: Digest) -> bytes:
        try:
            return self._host.blobs.read(digest)
        except (MissingBlobError, CorruptBlobError):
            nowhere_else = not self._has_channel or (not self._channel and self._host.blobs.has(digest))
            if not placed.channel and nowhere_else:
                raise
        return self._fetching(placed).read(BlobRef(digest, _LARGEST), f"description of {placed.name}")

    def _fetching(self, placed: PlacedPackage) -> Downloads:
        channel = placed.channel or self._channel
        if channel not in self._downloads:
            self._downloads[channel] = self._host.downloads(self._host.subscriptions.find(channel))
        return self._downloads[channel]
