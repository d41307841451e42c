"""OCI layout directories (image-layout.md): an image with its referrers, written, read and changed in place.

The index lists only images: scanners refuse a layout with two manifests, and engines take a list of referrers for an
image. Referrers are listed by a layout inside the layout, `referrers`, over the same blobs.
"""

from __future__ import annotations

import json
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest, InvalidDigestError
from farm.core.plan.job import BlobRef
from farm.errors import FarmError
from farm.oci.image_reference import check_reference, full_name
from farm.oci.layer import MANIFEST, content_descriptor, put_blob
from farm.oci.referrers import INDEX, referrers_index, referrers_tag
from farm.store.blobs import pieces_of
from farm.store.durable_file import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from farm.oci.image import OciImage
    from farm.oci.referrers import Referrer
    from farm.store.blobs import BlobStore

LAYOUT = canonical_json({"imageLayoutVersion": "1.0.0"})
REF_NAME = "org.opencontainers.image.ref.name"
REFERRERS = "referrers"
"""The layout inside a layout that lists the referrers of its images."""
_CONTAINERD_NAME = "io.containerd.image.name"
_PIECE = 1 << 20
_LARGEST_DOCUMENT = 8 << 20


class ImageLayoutError(FarmError):
    """A directory is not an OCI layout, or lacks the wanted image."""

    code = "oci-layout"


@dataclass(frozen=True, slots=True)
class LayoutImage:
    """An image in a layout: its manifest and configuration, verified, and its name in the index."""

    manifest: BlobRef
    manifest_json: bytes
    config_json: bytes
    reference: str


def write_layout(
    image: OciImage,
    store: BlobStore,
    directory: Path,
    *,
    reference: str = "",
    referrers: Sequence[Referrer] = (),
    annotations: Mapping[str, str] | None = None,
) -> None:
    """Write the image as an OCI layout into a new directory, its index last.

    `annotations` are for the image's descriptor in the index. Raises `FileExistsError` if the directory exists, the
    error `invalid-image-reference`, and what reading a blob raises.
    """
    check_reference(reference)
    directory.mkdir(parents=True)
    (directory / "oci-layout").write_bytes(LAYOUT)
    _write(image, store, directory, index_entry(image, reference, annotations), referrers)


def update_layout(
    image: OciImage,
    store: BlobStore,
    directory: Path,
    *,
    instead_of: Digest,
    reference: str,
    referrers: Sequence[Referrer] = (),
    annotations: Mapping[str, str] | None = None,
) -> None:
    """Replace an image in a layout, by one rename as the last step.

    Blobs of the old image stay; existing layers are not written again.
    """
    check_reference(reference)
    index = _read_index(directory)
    replaced = (instead_of, image.digest)
    kept = _kept_lines(index, replaced, reference)
    inner = _read_index(directory / REFERRERS) if (directory / REFERRERS).is_dir() else []
    beside = _kept_lines(inner, replaced, reference)
    # Older layouts list referrers among the images.
    beside += filter(_is_list, kept)
    images = [line for line in kept if not _is_list(line)]
    entry = index_entry(image, reference, annotations)
    _write(image, store, directory, entry, referrers, images=images, beside=beside)


def _write(
    image: OciImage,
    store: BlobStore,
    directory: Path,
    entry: dict[str, Any],
    referrers: Sequence[Referrer],
    *,
    images: Sequence[dict[str, Any]] = (),
    beside: Sequence[dict[str, Any]] = (),
) -> None:
    """Write the image at the line `entry`, after the lines `images`; `beside` are the lines of other referrers."""
    _bring(image, store, directory, referrers)
    listed = [entry, _referrers_entry(image, store, referrers)] if referrers else []
    if beside or listed:
        _write_referrers(directory, [*beside, *listed])
    replace_file(directory / "index.json", image_index([*images, entry]))


def read_layout(directory: Path, tag: str = "") -> LayoutImage:
    """Return the only image of a layout, or that of a tag; raises `ImageLayoutError`."""
    images = [
        line
        for line in _read_index(directory)
        if line.get("mediaType") == MANIFEST and (not tag or tag in (_name(line), line.get("digest")))
    ]
    if len(images) != 1:
        tags = ", ".join(sorted(_name(image) or str(image.get("digest")) for image in images))
        raise ImageLayoutError(
            f"{directory} has {len(images)} images" + (f" tagged {tag}" if tag else ""),
            remedy=f"Name one of them as {directory}:TAG; there are {tags}." if images else "",
        )
    entry = images[0]
    try:
        manifest = BlobRef(Digest(entry["digest"]), int(entry["size"]))
        manifest_json = _blob(directory, manifest.digest)
        config_json = _blob(directory, Digest(json.loads(manifest_json)["config"]["digest"]))
    except (KeyError, TypeError, ValueError, InvalidDigestError) as error:
        raise ImageLayoutError(f"{directory} cannot be read: {error!r:.200}") from error
    return LayoutImage(manifest, manifest_json, config_json, _reference(entry))


def take_blobs(directory: Path, blobs: Iterable[BlobRef], store: BlobStore) -> None:
    """Copy blobs of a layout into a store that lacks them, verified. Raises `ImageLayoutError`, `BlobMismatchError`."""
    for blob in blobs:
        if store.has(blob.digest):
            continue
        try:
            with _path(directory, blob.digest).open("rb") as source:
                store.put(pieces_of(source), blob.digest)
        except FileNotFoundError:
            raise ImageLayoutError(f"{directory} lacks the blob {blob.digest}") from None


def index_entry(image: OciImage, reference: str, annotations: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the line of an image in an `index.json`."""
    named = dict(annotations or {})
    if reference:
        # containerd takes the full name from its own annotation, OCI tools the tag from theirs.
        named |= {_CONTAINERD_NAME: full_name(reference), REF_NAME: reference.rpartition(":")[2]}
    return content_descriptor(image.manifest, MANIFEST) | ({"annotations": named} if named else {})


def _referrers_entry(image: OciImage, store: BlobStore, referrers: Sequence[Referrer]) -> dict[str, Any]:
    """Return the index line of the list of an image's referrers, under its tag; the list is stored."""
    listed = put_blob(store, referrers_index([referrer.descriptor() for referrer in referrers]))
    return content_descriptor(listed, INDEX) | {"annotations": {REF_NAME: referrers_tag(image.digest)}}


def _write_referrers(directory: Path, entries: Sequence[Mapping[str, Any]]) -> None:
    """Write the layout inside the layout: the images, so that it is complete, and the lists of their referrers."""
    inner = directory / REFERRERS
    inner.mkdir(exist_ok=True)
    if not (inner / "blobs").is_symlink():
        (inner / "blobs").symlink_to("../blobs")
    replace_file(inner / "oci-layout", LAYOUT)
    replace_file(inner / "index.json", image_index(entries))


def _kept_lines(index: Sequence[dict[str, Any]], digests: Sequence[Digest], reference: str) -> list[dict[str, Any]]:
    """Return the lines of an index without those of these digests, their lists, and the one with the tag."""
    names = {_name(line) for line in index if line.get("digest") in digests}
    names |= {*map(referrers_tag, digests), reference.rpartition(":")[2]}
    return [line for line in index if line.get("digest") not in digests and _name(line) not in names - {""}]


def _is_list(entry: Mapping[str, Any]) -> bool:
    return entry.get("mediaType") == INDEX and _name(entry).startswith("sha256-")


def _bring(image: OciImage, store: BlobStore, directory: Path, referrers: Sequence[Referrer]) -> None:
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    wanted = [*(layer.blob for layer in image.layers), image.config, image.manifest]
    wanted += [blob for referrer in referrers for blob in (*referrer.blobs, referrer.manifest)]
    digests = [blob.digest for blob in wanted]
    if referrers:
        digests.append(store.put_bytes(referrers_index([referrer.descriptor() for referrer in referrers])))
    for digest in dict.fromkeys(digests):
        place = blobs / digest.hex
        if place.exists():
            continue
        temporary = blobs / f".{digest.hex}.{secrets.token_hex(4)}"
        try:
            with store.open(digest) as source, temporary.open("xb") as target:
                shutil.copyfileobj(source, target, _PIECE)
            temporary.rename(place)
        finally:
            temporary.unlink(missing_ok=True)


def image_index(entries: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the `index.json` of these lines."""
    return canonical_json({"manifests": list(entries), "mediaType": INDEX, "schemaVersion": 2})


def _read_index(directory: Path) -> list[dict[str, Any]]:
    try:
        with (directory / "index.json").open("rb") as file:
            listed = json.loads(file.read(_LARGEST_DOCUMENT))["manifests"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ImageLayoutError(f"{directory} is not an OCI layout: {error!s:.200}") from error
    return [line for line in listed if isinstance(line, dict)]


def _blob(directory: Path, digest: Digest) -> bytes:
    path = _path(directory, digest)
    if not path.is_file() or path.stat().st_size > _LARGEST_DOCUMENT:
        raise ImageLayoutError(f"{directory} lacks the blob {digest}")
    content = path.read_bytes()
    if Digest.of(content) != digest:
        raise ImageLayoutError(f"in {directory} the blob {digest} has other content")
    return content


def _path(directory: Path, digest: Digest) -> Path:
    return directory / "blobs" / "sha256" / digest.hex


def _name(entry: Mapping[str, Any]) -> str:
    return str((entry.get("annotations") or {}).get(REF_NAME, ""))


def _reference(entry: Mapping[str, Any]) -> str:
    """Return the name of an image, empty if it has none; other tools record only its tag."""
    full = str((entry.get("annotations") or {}).get(_CONTAINERD_NAME, ""))
    name = full.removeprefix("docker.io/").removeprefix("library/")
    return name or (f"image:{_name(entry)}" if _name(entry) else "")
