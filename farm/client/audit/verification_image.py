"""Verifying an image: every layer against its digest, and the image against the one that its packages make.

An image is a function of its set, its settings and its maker's files, so it is computed again from what is signed. A
changed layer of links or label makes another image, even if all digests were changed to match.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from farm.client.findings.verification import RECORD, Fault, Verification, no_progress
from farm.client.findings.verification_signed import SignedIndex
from farm.client.image.accounting import layer_faults, own_faults, recomputed_image
from farm.client.image.package_set import PackageDescriptions
from farm.client.image.user_layer import own_files_of
from farm.core.names.digest import Digest
from farm.oci.layer import layer_content
from farm.store.errors import MissingBlobError, UndecodableArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from farm.client.findings.verification import ProgressBar, Seen
    from farm.client.image.known_image import KnownImage
    from farm.client.image.user_layer import LayerSource
    from farm.client.repository.host import Host
    from farm.oci.layer import Layer

    Saved = Callable[[str, Seen], tuple[frozenset[Digest], str]]
    """Reads an image out of an engine: the digests of all that is in it, and why it stopped early, else empty."""

_PIECE = 1 << 20


def verify_image(
    host: Host, image: KnownImage, engine: LayerSource | None, saved: Saved | None, looking: ProgressBar = no_progress
) -> Verification:
    """Compare an image with what is signed. `saved` reads it where only an engine has its layers.

    Raises `DownloadError`, `SubscriptionError`, `UntrustedMetadataError`, `UnknownArchiveError`, and what reading the
    maker's own files raises: what cannot be checked is not known to be intact.
    """
    described = PackageDescriptions(host)
    parts = described.parts(image)
    signed = SignedIndex(host, image.record)
    recorded = (
        signed.fault(placed, part.descriptor) for placed, part in zip(image.record.packages, parts, strict=True)
    )
    faults = [fault for fault in recorded if fault]
    size = sum(part.content_bytes for part in parts)
    with looking(size) as seen:
        faults += list(_bytes(host, image, saved, seen))
    if not faults:  # otherwise the content read for it is not the recorded one
        own = own_files_of(image, host.blobs, engine)
        made = recomputed_image(host, image, described, parts, own)
        faults += [*own_faults(host, image, own, engine), *layer_faults(image, made)]
        known = {image.digest, image.meant, *((image.image.config.digest, image.image.digest) if image.image else ())}
        if not faults and not known & {made.image.digest, made.image.image_id}:
            how = "its settings or labels are not those that its packages were put together with"
            faults.append(Fault(RECORD, "", "altered", how))
    return Verification(f"{image.name}: image {image.digest}", len(parts), size, tuple(faults), signed.unsigned())


def _bytes(host: Host, image: KnownImage, saved: Saved | None, seen: Seen) -> Iterator[Fault]:
    """Yield the layers whose bytes do not match their digests."""
    if image.image is None or (image.directory is None and image.reference and saved):
        assert saved is not None  # noqa: S101  (an image without blobs was found in an engine)
        found, why = saved(image.reference or image.name, seen)
        # An engine with the containerd store returns what it was sent, compressed.
        blobs = {layer.diff_id: layer.blob.digest for layer in (image.image.layers if image.image else ())}
        for diff_id, holds in image.layers:
            if not found & {diff_id, blobs.get(diff_id, diff_id)}:
                how = f"the engine does not give it out{f' ({why})' if why else ''}: {diff_id}"
                yield Fault(holds, "", "altered", how)
        return
    for layer in image.image.layers:
        if how := _of_layer(layer, partial(_opened, host, image, layer), seen):
            yield Fault(layer.holds, "", "missing" if how == _GONE else "altered", how)


_GONE = "its blob is gone"


def _opened(host: Host, image: KnownImage, layer: Layer) -> BinaryIO:
    if image.directory:
        return (image.directory / "blobs" / "sha256" / layer.blob.digest.hex).open("rb")
    return host.blobs.path(layer.blob.digest).open("rb")


def _of_layer(layer: Layer, opened: Callable[[], BinaryIO], seen: Seen) -> str:
    """Return what is wrong with a layer's bytes, as stored and unpacked; empty where nothing is."""
    try:
        with opened() as stream:
            digest = _digest(iter(lambda: stream.read(_PIECE), b""), lambda _size: None)
        if digest != layer.blob.digest:
            return f"its bytes have the digest {digest}, not {layer.blob.digest}"
        with opened() as stream:
            unpacked = _digest(layer_content(stream, layer.media_type), seen)
    except (FileNotFoundError, MissingBlobError):
        return _GONE
    except (OSError, UndecodableArchiveError) as error:
        return f"it cannot be read ({error})"
    return "" if unpacked == layer.diff_id else f"what is in it has the digest {unpacked}, not {layer.diff_id}"


def _digest(pieces: Iterator[bytes], seen: Seen) -> Digest:
    hasher = hashlib.sha256()
    for piece in pieces:
        hasher.update(piece)
        seen(len(piece))
    return Digest.from_hex(hasher.hexdigest())
