"""Every layer of an image against its digest, and the image against what its packages come to.

An image is a function of its set, its settings and its maker's files. So it is worked out again from what is signed: a
layer of links, or a label, that somebody changed with all digests put right is another image than that.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Protocol

from farm.blobs import MissingBlobError, UndecodableArchiveError, archive_chunks
from farm.client.image_making import files_in, imports_in, make_image, replaced_in
from farm.client.image_set import Described
from farm.client.own_files_of import own_files_of
from farm.client.verification import RECORD, Fault, Verification, in_silence
from farm.client.verification_signed import SignedIndex
from farm.names import Digest
from farm.oci.layer import TAR, TAR_ZSTD
from farm.oci.layer_plan import MOST_PACKAGE_LAYERS
from farm.oci.own_layer import HOLDS, read_own_layer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from farm.client.host import Host
    from farm.client.image_making import MadeImage
    from farm.client.image_parts import ImagePart
    from farm.client.known_image import KnownImage
    from farm.client.own_files_of import LayerSource
    from farm.client.verification import Looking, Seen
    from farm.oci.layer import Layer
    from farm.oci.own_layer import OwnFiles

_PIECE = 1 << 20


class Saved(Protocol):
    """Reads an image out of an engine: the digests of all that is in it, and why it stopped early."""

    def __call__(self, name: str, seen: Seen) -> tuple[frozenset[Digest], str]:
        """Return them."""


def verify_image(
    host: Host, image: KnownImage, engine: LayerSource | None, saved: Saved | None, looking: Looking = in_silence
) -> Verification:
    """Compare an image with what is signed. `saved` reads it where only an engine has its layers.

    Raises `DownloadError`, `SubscriptionError`, `UntrustedMetadataError`, `UnknownArchiveError`, and what reading the
    maker's own files raises: what cannot be asked is not known to be well.
    """
    described = Described(host)
    parts = described.parts(image)
    signed = SignedIndex(host, image.record)
    recorded = (
        signed.fault(placed, part.descriptor) for placed, part in zip(image.record.packages, parts, strict=True)
    )
    faults = [fault for fault in recorded if fault]
    size = sum(part.content_bytes for part in parts)
    with looking(size) as seen:
        faults += list(_bytes(host, image, saved, seen))
    if not faults:  # else what is read for it is not what it says
        own = own_files_of(image, host.blobs, engine)
        faults += list(_own(host, image, own))
        faults += _worked_out(image, _made(host, image, described, parts, own))
    unsigned = tuple(
        f"{each.name} {each.full_version}" for each in image.record.packages if each.is_override or not each.channel
    )
    return Verification(f"{image.name}: image {image.digest}", len(parts), size, tuple(faults), unsigned)


def _bytes(host: Host, image: KnownImage, saved: Saved | None, seen: Seen) -> Iterator[Fault]:
    """Yield the layers whose bytes are not those of their digests."""
    if image.image is None or (image.directory is None and image.reference and saved):
        assert saved is not None  # noqa: S101  (an image without blobs was found in an engine)
        found, why = saved(image.reference or image.name, seen)
        # An engine with the containerd store gives out what it was sent, compressed.
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
    """Return what is wrong with a layer's bytes, nothing where all is well: as stored, and unpacked."""
    try:
        with opened() as stream:
            digest = _digest(iter(lambda: stream.read(_PIECE), b""), lambda _size: None)
        if digest != layer.blob.digest:
            return f"its bytes have the digest {digest}, not {layer.blob.digest}"
        if layer.media_type not in (TAR, TAR_ZSTD):
            return f"another tool has compressed it, as {layer.media_type}"
        with opened() as stream:
            pieces = archive_chunks(stream) if layer.media_type == TAR_ZSTD else iter(lambda: stream.read(_PIECE), b"")
            unpacked = _digest(pieces, seen)
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


def _own(host: Host, image: KnownImage, own: OwnFiles | None) -> Iterator[Fault]:
    if own is None:
        return
    with host.blobs.open(own.layer.diff_id) as stream:
        tree = read_own_layer(stream).tree_digest
    if tree != files_in(image.labels):
        yield Fault(HOLDS, "", "altered", f"they come to {tree}, and the image says {files_in(image.labels)}")


def _made(
    host: Host, image: KnownImage, described: Described, parts: Sequence[ImagePart], own: OwnFiles | None
) -> MadeImage:
    if len(parts) > MOST_PACKAGE_LAYERS:  # packages that share a layer are joined from their archives
        for part in parts:
            described.ensure(part.placed, part.archive)
    return make_image(
        parts,
        image.config,
        host.blobs,
        asked=image.record.asked,
        releases=image.record.releases,
        own=own,
        replaces=replaced_in(image.labels),
        imports=imports_in(image.labels),
        placed={each.descriptor: each for each in image.record.packages},
        known=image.kept.image.layers if image.kept else (),
    )


def _worked_out(image: KnownImage, made: MadeImage) -> list[Fault]:
    """Return where the image is another than its packages, settings and files come to."""
    there = {holds: diff_id for diff_id, holds in image.layers}
    faults = []
    for layer in made.image.layers:
        if layer.holds not in there:
            faults.append(Fault(layer.holds, "", "missing", "the image has no such layer"))
        elif there[layer.holds] != layer.diff_id:
            how = f"it is {there[layer.holds]}, and must be {layer.diff_id}"
            faults.append(Fault(layer.holds, "", "altered", how))
    expected = {layer.holds for layer in made.image.layers}
    faults += [Fault(holds, "", "added", "no package has this layer") for holds in there if holds not in expected]
    known = {image.digest, *((image.image.config.digest, image.image.digest) if image.image else ())}
    if not faults and not known & {made.image.digest, made.image.image_id}:
        how = "its settings or labels are not those that its packages were put together with"
        faults.append(Fault(RECORD, "", "altered", how))
    return faults
