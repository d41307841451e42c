"""Pushing an image with its referrers: only blobs that the registry lacks are sent, the tag is moved last."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.oci.cosign import ATTESTATIONS, SBOM, attestations_manifest, cosign_tag, read_manifest, sbom_manifest
from farm.oci.referrers import INDEX, referrers_index, referrers_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef
    from farm.oci.image import OciImage
    from farm.oci.referrers import Referrer
    from farm.oci.registry import Repository
    from farm.store.blobs import BlobStore

_PARALLEL = 4


@dataclass(frozen=True, slots=True)
class Pushed:
    """The result of a push: the layers sent, the number that the registry had, and all bytes of blobs sent."""

    layers_sent: tuple[BlobRef, ...]
    layers_there: int
    bytes_sent: int


def push_image(
    image: OciImage,
    store: BlobStore,
    repository: Repository,
    tag: str,
    *,
    referrers: Sequence[Referrer] = (),
    others: Callable[[Digest], Sequence[str]] = lambda _digest: (),
    fetch: Callable[[BlobRef], None] = lambda _blob: None,
) -> Pushed:
    """Push an image to a repository under a tag.

    `others` returns the repositories of the registry that may have a blob, `fetch` fetches a blob that the store lacks.
    Raises `RegistryError`, and what reading a blob raises.
    """
    layers = list(dict.fromkeys(layer.blob for layer in image.layers))
    attached = dict.fromkeys(blob for referrer in referrers for blob in referrer.blobs)
    wanted = list(dict.fromkeys([*layers, image.config, *attached]))

    def bring(blob: BlobRef) -> bool:
        if repository.has_blob(blob.digest):
            return False
        if not store.has(blob.digest):
            fetch(blob)
        return repository.push_blob(blob, store, others(blob.digest))

    with ThreadPoolExecutor(_PARALLEL) as pool:
        sent = [blob for blob, went in zip(wanted, pool.map(bring, wanted), strict=True) if went]
    if not repository.has_manifest(image.digest):
        repository.push_manifest(store.read(image.digest), image.digest)
    unlisted = []
    for referrer in referrers:
        answer = repository.push_manifest(store.read(referrer.manifest.digest), referrer.manifest.digest)
        if answer.get("oci-subject") != image.digest:
            unlisted.append(referrer)
    if unlisted:
        _list_by_tag(repository, image.digest, unlisted)
    _tag_for_cosign(repository, image.digest, [store.read(referrer.manifest.digest) for referrer in referrers])
    repository.push_manifest(store.read(image.digest), tag)
    there = [blob for blob in layers if blob not in sent]
    return Pushed(tuple(blob for blob in layers if blob in sent), len(there), sum(blob.size for blob in sent))


def _list_by_tag(repository: Repository, subject: Digest, referrers: Sequence[Referrer]) -> None:
    """List referrers under the tag for registries without the referrers API, beside those that are listed there.

    The specification is distribution-spec, "Referrers Tag Schema".
    """
    tag = referrers_tag(subject)
    there = repository.manifest(tag)
    content = referrers_index([*_listed(there), *(referrer.descriptor() for referrer in referrers)])
    if content != there:
        repository.push_manifest(content, tag, INDEX)


def _tag_for_cosign(repository: Repository, image: Digest, referrers: Sequence[bytes]) -> None:
    """Put the referrers of an image where cosign looks for them; those of others are kept."""
    tag = cosign_tag(image, ATTESTATIONS)
    there = repository.manifest(tag)
    attested = attestations_manifest(referrers, there)
    if attested and attested != there:
        repository.push_manifest(attested, tag)
    tag = cosign_tag(image, SBOM)
    attached = sbom_manifest(referrers)
    if attached and not repository.has_manifest(tag):
        repository.push_manifest(attached, tag)


def _listed(content: bytes | None) -> list[dict[str, Any]]:
    listed = read_manifest(content or b"{}").get("manifests")
    return [line for line in listed if isinstance(line, dict) and "digest" in line] if isinstance(listed, list) else []
