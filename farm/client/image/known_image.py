"""Opening an image by any name that a user has for it: a reference in Docker, an OCI layout directory, a digest.

The labels of the image describe its set; the record that this host wrote when it made the image adds releases, blobs
and documents.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from farm.client.image.making import builds_in, record_in
from farm.client.image.records import ImageRecord, ImageRecords
from farm.core.names.canonical_json import NotCanonicalizableError
from farm.core.names.digest import Digest, InvalidDigestError
from farm.core.names.platform import Platform
from farm.core.plan.job import BlobRef
from farm.errors import FarmError
from farm.oci.image import OciImage
from farm.oci.image_config import ImageConfig, configuration
from farm.oci.layer import Layer
from farm.oci.layout import read_layout
from farm.oci.own_files import HOLDS
from farm.store.errors import CorruptBlobError, MissingBlobError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.client.repository.host import Host
    from farm.core.sets.members.set_record import SetRecord


_OF_OTHERS = ("Healthcheck", "OnBuild", "Shell", "StopSignal", "StopTimeout")


class UnknownImageError(FarmError):
    """No image of this name is known here."""

    code = "unknown-image"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"there is no image {name[:200]!r}: not in Docker, not as an OCI layout, not among those made here",
            remedy="See `farm image list`, or name an OCI layout directory.",
        )


class NotOfPackagesError(FarmError):
    """An image was not made of packages by farm, or its label was altered."""

    code = "not-of-packages"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name[:200]} does not record which packages it contains",
            remedy="This works only for images that `farm image build` has made.",
        )


class LostImageError(FarmError):
    """This host made an image, and has lost a blob of it that cannot be fetched or made again."""

    code = "lost-image"

    def __init__(self, name: str, digest: Digest) -> None:
        super().__init__(
            f"the blob {digest} of the image {name[:200]} is missing here or damaged, and nobody else has it",
            remedy="Build the image again: `farm image build` of the same packages or file, with the same --tag.",
        )
        self.digest = digest


class Engine(Protocol):
    """The queries to a Docker Engine."""

    def inspect(self, name: str) -> Mapping[str, Any]:
        """Return what the engine shows of an image; empty where it has none of this name."""

    def history(self, name: str, layers: int) -> list[str]:
        """Return what each of the image's layers holds, lowest first."""


@dataclass(frozen=True, slots=True)
class KnownImage:
    """An image with its set and its configuration.

    `image` are its blobs, None where only an engine has it; `layers` is the content of each layer with its diff_id.
    `own` is the diff_id of the user's own files. `directory` is the layout that it was found in, `reference` its name
    in Docker or in that layout. `meant` is the digest of its configuration as farm serializes it: other tools order it
    otherwise. `rival` is what Docker has under that name, where that is another image. `unkept` are settings of other
    tools that no image of farm's has (`Healthcheck`).
    """

    name: str
    digest: Digest
    config: ImageConfig
    record: SetRecord
    layers: tuple[tuple[Digest, str], ...]
    image: OciImage | None = None
    kept: ImageRecord | None = None
    directory: Path | None = None
    reference: str = ""
    meant: Digest | None = None
    rival: Digest | None = None
    unkept: tuple[str, ...] = ()

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of the image."""
        return dict(self.config.labels)

    @property
    def provenances(self) -> dict[str, BlobRef]:
        """The signed provenances of its packages by their descriptors, as far as this host has recorded them."""
        recorded = self.kept.evidence.items() if self.kept else ()
        return {descriptor: documents.provenance for descriptor, documents in recorded if documents.provenance}

    @property
    def own(self) -> Digest | None:
        """The diff_id of the layer with the user's own files."""
        return next((diff_id for diff_id, holds in self.layers if holds == HOLDS), None)


def open_image(name: str, host: Host, engine: Engine | None) -> KnownImage:
    """Find an image; `engine` is None where there is no Docker Engine.

    A directory comes first. Then a name refers to the image that was last made here under it; another image that Docker
    has under that name is its `rival`. Last, the name refers to Docker's image. Raises `UnknownImageError`,
    `NotOfPackagesError`, `LostImageError`, `LayoutError`, `InvalidSetRecordError`.
    """
    records = ImageRecords(host.state)
    directory, tag = _layout(name)
    if directory:
        return _of_layout(name, directory, tag, records)
    shown = engine.inspect(name) if engine else {}
    in_docker = records.find(str(shown["Id"])) if shown else None
    kept = records.find(name) or in_docker
    if kept is None:
        if engine and shown:
            return _of_engine(name, shown, engine)
        raise UnknownImageError(name)
    rival = Digest(str(shown["Id"])) if shown and (in_docker is None or in_docker.digest != kept.digest) else None
    config_json = _config_of(name, kept, host, {} if rival else shown)
    known = _of_documents(name, kept.image.manifest, config_json, kept.image, kept)
    return replace(known, reference=name if name not in (kept.digest, kept.image.image_id) else "", rival=rival)


def unambiguous(image: KnownImage) -> KnownImage:
    """Return an image unless its name refers to another image in Docker. Raises `ambiguous-image`."""
    if image.rival:
        raise FarmError(
            f"{image.name[:200]} is ambiguous: the last image that was made here under that name is {image.digest}, "
            f"and Docker's is {image.rival}",
            remedy="Name one of them by its digest, or load the former into Docker (`farm image build` or `update` "
            "without --no-load).",
            code="ambiguous-image",
        )
    return image


def _config_of(name: str, kept: ImageRecord, host: Host, shown: Mapping[str, Any]) -> bytes:
    """Return the configuration of an image that was made here; from the engine where the store has lost it."""
    digest = kept.image.config.digest
    try:
        return host.blobs.read(digest)
    except (MissingBlobError, CorruptBlobError) as error:
        if not shown:
            raise LostImageError(name, digest) from error
    platform = Platform(str(shown.get("Os")), str(shown.get("Architecture")))
    found = configuration(ImageConfig.of(platform, shown.get("Config") or {}), kept.image.layers)
    if Digest.of(found) != digest:
        raise LostImageError(name, digest)
    host.blobs.put_bytes(found)
    return found


def _layout(name: str) -> tuple[Path | None, str]:
    path, _, tag = name.rpartition(":")
    if (Path(name) / "oci-layout").is_file():
        return Path(name), ""
    return (Path(path), tag) if path and (Path(path) / "oci-layout").is_file() else (None, "")


def _of_layout(name: str, directory: Path, tag: str, records: ImageRecords) -> KnownImage:
    found = read_layout(directory, tag)
    try:
        manifest, config = json.loads(found.manifest_json), json.loads(found.config_json)
        layers = tuple(
            Layer(Digest(diff_id), BlobRef(Digest(layer["digest"]), int(layer["size"])), layer["mediaType"], holds)
            for diff_id, layer, holds in zip(
                config["rootfs"]["diff_ids"], manifest["layers"], _holds(config, len(manifest["layers"])), strict=True
            )
        )
        image = OciImage(
            BlobRef(Digest(manifest["config"]["digest"]), int(manifest["config"]["size"])), found.manifest, layers
        )
    except (KeyError, TypeError, ValueError, InvalidDigestError) as error:
        raise NotOfPackagesError(name) from error
    kept = records.find(image.digest)
    known = _of_documents(name, found.manifest, found.config_json, image, kept)
    return replace(known, directory=directory, reference=found.reference)


def _of_documents(
    name: str, manifest: BlobRef, config_json: bytes, image: OciImage, kept: ImageRecord | None
) -> KnownImage:
    config = json.loads(config_json)
    platform = Platform(config["os"], config["architecture"])
    layers = tuple((layer.diff_id, layer.holds) for layer in image.layers)
    known = _known(
        name, manifest.digest, ImageConfig.of(platform, config["config"]), layers, config["config"], kept=kept
    )
    with suppress(NotCanonicalizableError):  # farm writes no such configuration
        known = replace(known, meant=Digest.of_json(config))
    return replace(known, image=image)


def _of_engine(name: str, shown: Mapping[str, Any], engine: Engine) -> KnownImage:
    platform = Platform(str(shown.get("Os")), str(shown.get("Architecture")))
    settings = shown.get("Config") or {}
    diff_ids = tuple(map(Digest, (shown.get("RootFS") or {}).get("Layers") or ()))
    layers = tuple(zip(diff_ids, engine.history(name, len(diff_ids)), strict=True))
    known = _known(name, Digest(str(shown["Id"])), ImageConfig.of(platform, settings), layers, settings)
    return replace(known, reference="" if name.startswith("sha256:") else name)


def _known(
    name: str,
    digest: Digest,
    config: ImageConfig,
    layers: tuple[tuple[Digest, str], ...],
    settings: Mapping[str, Any],
    *,
    kept: ImageRecord | None = None,
) -> KnownImage:
    labels = dict(config.labels)
    record = kept.record.with_builds(builds_in(labels)) if kept else record_in(labels)
    if record is None:
        raise NotOfPackagesError(name)
    unkept = tuple(key for key in _OF_OTHERS if settings.get(key))
    return KnownImage(name, digest, config, record, layers, kept=kept, unkept=unkept)


def _holds(config: Mapping[str, Any], layers: int) -> list[str]:
    """Return the recorded content of each layer; empty for all where the history does not match the layers."""
    history = config.get("history") or ()
    found = [str(step.get("created_by", "")) for step in history if not step.get("empty_layer")]
    return found if len(found) == layers else [""] * layers
