"""An OCI image of a composition: the same packages, links and configuration give the same image, in whatever order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.names.canonical_json import canonical_json
from farm.core.plan.job import BlobRef
from farm.errors import FarmError
from farm.oci.description_layer import DESCRIPTION, description_layer
from farm.oci.grouped_layer import grouped_layer, held_by
from farm.oci.image_config import ImageConfig, configuration
from farm.oci.layer import MANIFEST, TAR, TAR_ZSTD, Layer
from farm.oci.layer_plan import layer_plan
from farm.oci.links_layer import links_layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from farm.core.names.digest import Digest
    from farm.core.sets.composition.compose import Composition
    from farm.oci.package_archive import PackageArchive
    from farm.store.blobs import BlobStore

CONFIG = "application/vnd.oci.image.config.v1+json"
LINKS = "links"
"""What the layer of links is said to hold."""


class PackageArchiveError(FarmError):
    """The archives that are given are not those of the composition."""

    code = "package-archive"

    def __init__(self, store: str, why: str) -> None:
        super().__init__(f"the image cannot be made: {store}: {why}")
        self.store = store


@dataclass(frozen=True, slots=True)
class OciImage:
    """An image whose blobs are all in one store: configuration, manifest, and layers, lowest first."""

    config: BlobRef
    manifest: BlobRef
    layers: tuple[Layer, ...]

    @property
    def image_id(self) -> Digest:
        """The digest of the configuration: what Docker's graph-driver store calls the image."""
        return self.config.digest

    @property
    def digest(self) -> Digest:
        """The digest of the manifest: what registries, and Docker's containerd store, call the image."""
        return self.manifest.digest

    @property
    def blobs(self) -> tuple[BlobRef, ...]:
        """All that the image is made of."""
        return (self.manifest, self.config, *(layer.blob for layer in self.layers))

    @property
    def diff_ids(self) -> tuple[Digest, ...]:
        """The digests of the uncompressed layers, lowest first."""
        return tuple(layer.diff_id for layer in self.layers)


def image_from(
    composition: Composition,
    archives: Iterable[PackageArchive],
    config: ImageConfig,
    store: BlobStore,
    *,
    files: Layer | None = None,
    known: Iterable[Layer] = (),
    description: Mapping[str, bytes] | None = None,
) -> OciImage:
    """Make the image of a composition, and put what is computed of it into the store: layers, configuration, manifest.

    `archives` are those of the composition's packages, in any order, their blobs in the store. `files` is a layer of
    the user's own, put over the links; `known` are layers made here before, which are not made again; `description`
    are files by path that say what the image is, in a last layer. Raises
    `PackageArchiveError` when an archive is missing, left over, or not the composition's.
    """
    layers = _package_layers(_matched(composition, archives), store, known)
    layers.append(_plain_layer(store, links_layer(composition.forest), LINKS))
    if files is not None:
        layers.append(files)
    if description:
        layers.append(_plain_layer(store, description_layer(description), DESCRIPTION))
    config_blob = _put(store, configuration(config, layers))
    return OciImage(config_blob, _put(store, manifest_of(config_blob, layers)), tuple(layers))


def manifest_of(config: BlobRef, layers: Sequence[Layer]) -> bytes:
    """Return the manifest of an image (OCI image specification, manifest.md)."""
    return canonical_json(
        {
            "config": {"digest": config.digest, "mediaType": CONFIG, "size": config.size},
            "layers": [layer.descriptor() for layer in layers],
            "mediaType": MANIFEST,
            "schemaVersion": 2,
        }
    )


def _matched(composition: Composition, archives: Iterable[PackageArchive]) -> list[PackageArchive]:
    by_store = {archive.store: archive for archive in archives}
    for package in composition.packages:
        if package.store not in by_store:
            raise PackageArchiveError(package.store, "its archive is missing")
        if by_store[package.store].diff_id != package.diff_id:
            raise PackageArchiveError(package.store, f"its archive is not {package.diff_id}")
    for store in sorted(by_store.keys() - {package.store for package in composition.packages}):
        raise PackageArchiveError(store, "it is not in the composition")
    return list(by_store.values())


def _package_layers(archives: list[PackageArchive], store: BlobStore, known: Iterable[Layer]) -> list[Layer]:
    # What a layer holds are store paths, which name the packages' trees: so the same words are the same layer.
    made = {layer.holds: layer for layer in known if layer.media_type == TAR and store.has(layer.blob.digest)}
    layers = []
    for group in layer_plan(archives):
        if len(group) == 1:
            layers.append(Layer(group[0].diff_id, group[0].blob, TAR_ZSTD, group[0].store))
        else:
            layers.append(made.get(held_by(group)) or grouped_layer(group, store))
    return layers


def _plain_layer(store: BlobStore, content: bytes, holds: str) -> Layer:
    blob = _put(store, content)
    return Layer(blob.digest, blob, TAR, holds)


def _put(store: BlobStore, document: bytes) -> BlobRef:
    return BlobRef(store.put_bytes(document), len(document))
