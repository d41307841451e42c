"""Opens a preview of a followed distribution: only when somebody asks for it by its number.

What is trusted is what targets of the distribution lists: the preview key for which release it is, and the builders for
each package. Nothing of a preview is stored as metadata, and no subscription changes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farm.client.repository.catalogue import Catalogue
from farm.client.repository.readers import open_reader
from farm.core.names.preview_name import preview_name
from farm.errors import FarmError
from farm.trust.attestation.preview_statement import PreviewStatementError, read_preview
from farm.trust.blob_limits import LARGEST_ENVELOPE, read_limited
from farm.trust.index.release_index import Release
from farm.trust.layout import preview_path

if TYPE_CHECKING:
    from farm.client.repository.download import Downloads
    from farm.client.repository.host import Host
    from farm.client.repository.readers import BlobReader
    from farm.trust.metadata.builders import AllowedBuilders


def open_preview(host: Host, number: int, channel: str = "") -> Catalogue:
    """Return the release of a preview of the distribution that a subscription follows; `channel` chooses that.

    Raises as `read_preview_release`, and what subscriptions and metadata raise.
    """
    subscription = host.subscriptions.find(channel)
    newest, builders = host.subscriptions.metadata(subscription).newest(subscription.channel)
    downloads, imported = host.downloads(subscription), host.imported(subscription)
    reader = open_reader(subscription.address)
    release = read_preview_release(reader, downloads, number, distribution=newest.distribution, builders=builders)
    return Catalogue(release, lambda: builders, downloads, imported.open)


def read_preview_release(
    reader: BlobReader, downloads: Downloads, number: int, *, distribution: str, builders: AllowedBuilders
) -> Release:
    """Return the release of a preview, verified by what targets of its distribution lists (`builders`).

    Raises `FarmError` (`unknown-preview`, `no-preview-key`), `PreviewStatementError`, `InvalidEnvelopeError`,
    `DownloadError`.
    """
    if not builders.previews:
        raise FarmError(
            f"{distribution} has no previews: its targets list no key for them",
            remedy="Ask its owner, or take a release.",
            code="no-preview-key",
        )
    path = preview_path(number)
    try:
        envelope = read_limited(reader.stream(path), LARGEST_ENVELOPE, path)
    except FileNotFoundError:
        raise FarmError(
            f"{distribution} has no preview {number}, or none that is built or still open",
            remedy="See its page, or `farm submission show`.",
            code="unknown-preview",
        ) from None
    stated = read_preview(envelope, builders.previews, distribution=distribution, number=number, now=datetime.now(UTC))
    release = Release.from_json(downloads.read(stated.release, f"release of {preview_name(number)}"))
    if (release.distribution, release.channel) != (distribution, preview_name(number)):
        raise PreviewStatementError(
            f"its release is one of {release.distribution}/{release.channel}",
            "Run nothing of it; tell the operators of the farm.",
        )
    return release
