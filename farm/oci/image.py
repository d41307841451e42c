"""An OCI image of a composition: the same packages, links and configuration give the same image, in any order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.core.names.canonical_json import canonical_json
from farm.core.plan.job import BlobRef
from farm.errors import FarmError
from farm.oci.image_config import ImageConfig, configuration
from farm.oci.layer import MANIFEST, TAR, TAR_ZSTD, Layer, content_descriptor, put_blob
from farm.oci.package_layers import grouped_layer, held_by, layer_plan
from farm.oci.root_layers import DESCRIPTION, description_layer, links_layer
from farm.store.decompress import archive_chunks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from farm.core.names.digest import Digest
    from farm.core.sets.composition.compose import Composition
    from farm.oci.package_layers import PackageArchive
    from farm.store.blobs import BlobStore


CONFIG = "application/vnd.oci.image.config.v1+json"
LINKS = "links"
"""The content of the layer of links, in words."""


@dataclass(frozen=True, slots=True)
class OciImage:
    """An image whose blobs are all in one store: configuration, manifest, and layers, lowest first."""

    config: BlobRef
    manifest: BlobRef
    layers: tuple[Layer, ...]

    @property
    def image_id(self) -> Digest:
        """The digest of the configuration, by which Docker's graph-driver store names the image."""
        return self.config.digest

    @property
    def digest(self) -> Digest:
        """The digest of the manifest, by which registries, and Docker's containerd store, name the image."""
        return self.manifest.digest

    @property
    def blobs(self) -> tuple[BlobRef, ...]:
        """All blobs of the image."""
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
    """Make the image of a composition, and store what it adds: layers, configuration, manifest.

    `archives` are those of the composition's packages, in any order, with their blobs in the store. `files` is a layer
    of the user's own files, over the links; `known` are layers made here before, which are not made again;
    `description` are files by path that describe the image, in the last layer. Raises the error `package-archive` when
    an archive is missing, left over, or not the composition's.
    """
    layers = _package_layers(_matched(composition, archives), store, known)
    layers.append(_plain_layer(store, links_layer(composition.forest), LINKS))
    if files is not None:
        layers.append(files)
    if description:
        layers.append(_plain_layer(store, description_layer(description), DESCRIPTION))
    config_blob = put_blob(store, configuration(config, layers))
    return OciImage(config_blob, put_blob(store, manifest_of(config_blob, layers)), tuple(layers))


def manifest_of(config: BlobRef, layers: Sequence[Layer]) -> bytes:
    """Return the manifest of an image (OCI image specification, manifest.md)."""
    return canonical_json(
        {
            "config": content_descriptor(config, CONFIG),
            "layers": [layer.descriptor() for layer in layers],
            "mediaType": MANIFEST,
            "schemaVersion": 2,
        }
    )


def _matched(composition: Composition, archives: Iterable[PackageArchive]) -> list[PackageArchive]:
    by_store = {archive.store: archive for archive in archives}
    for package in composition.packages:
        if package.store not in by_store:
            raise _not_of_composition(package.store, "its archive is missing")
        if by_store[package.store].diff_id != package.diff_id:
            raise _not_of_composition(package.store, f"its archive is not {package.diff_id}")
    for store in sorted(by_store.keys() - {package.store for package in composition.packages}):
        raise _not_of_composition(store, "it is not in the composition")
    return list(by_store.values())


def _not_of_composition(store: str, why: str) -> FarmError:
    return FarmError(f"the image cannot be made: {store}: {why}", code="package-archive")


def _package_layers(archives: list[PackageArchive], store: BlobStore, known: Iterable[Layer]) -> list[Layer]:
    # A layer is described by its store paths, which name the packages' trees: the same words mean the same layer.
    made = {layer.holds: layer for layer in known if layer.media_type == TAR and store.has(layer.blob.digest)}
    layers = []
    for group in layer_plan(archives):
        if len(group) == 1:
            layers.append(Layer(group[0].diff_id, group[0].blob, TAR_ZSTD, group[0].store))
        else:
            layers.append(made.get(held_by(group)) or grouped_layer(group, store))
    return layers


def _plain_layer(store: BlobStore, content: bytes, holds: str) -> Layer:
    blob = put_blob(store, content)
    return Layer(blob.digest, blob, TAR, holds)


def plain_image(image: OciImage, store: BlobStore) -> OciImage:
    """Return the image with uncompressed layers, all in the store, for engines that should not decompress them.

    Its configuration, and so its id in Docker, stays; its manifest is another. Uncompressed layers in the store are not
    read. Raises `BlobMismatchError` if an archive does not match its layer's diff_id.
    """
    compressed = [layer for layer in image.layers if layer.media_type == TAR_ZSTD]
    for layer in compressed:
        if not store.has(layer.diff_id):
            with store.open(layer.blob.digest) as archive:
                store.put(archive_chunks(archive), layer.diff_id)
    return with_plain_layers(image, {layer.diff_id: store.size(layer.diff_id) for layer in compressed}, store)


def with_plain_layers(image: OciImage, sizes: Mapping[Digest, int], store: BlobStore) -> OciImage:
    """Return the image with uncompressed layers, of which only the sizes are known, by diff_id."""
    layers = tuple(
        replace(layer, blob=BlobRef(layer.diff_id, sizes[layer.diff_id]), media_type=TAR)
        if layer.media_type == TAR_ZSTD
        else layer
        for layer in image.layers
    )
    return OciImage(image.config, put_blob(store, manifest_of(image.config, layers)), layers)
