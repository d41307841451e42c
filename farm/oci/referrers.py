"""Referrers: manifests beside an image whose `subject` it is (image-spec 1.1, manifest.md).

With them an SBOM or a release can be attached to an image whose digest covers only its packages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from farm.core.names.canonical_json import canonical_json
from farm.core.names.form import Form
from farm.core.plan.job import BlobRef
from farm.oci.layer import MANIFEST, content_descriptor, put_blob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.core.names.digest import Digest
    from farm.store.blobs import BlobStore

INDEX = "application/vnd.oci.image.index.v1+json"
TITLE = "org.opencontainers.image.title"
_EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
_EMPTY = b"{}"


@dataclass(frozen=True, slots=True)
class Attached:
    """One document of a referrer: its blob, its media type, and the file name that tools give it."""

    blob: BlobRef
    media_type: str
    title: str
    annotations: Mapping[str, str] = field(default_factory=dict)

    def descriptor(self) -> dict[str, Any]:
        """Return the content descriptor."""
        annotations = {TITLE: self.title, **self.annotations}
        return content_descriptor(self.blob, self.media_type) | {"annotations": annotations}


@dataclass(frozen=True, slots=True)
class Referrer(Form, record="referrer", keys={"artifact_type": "type"}):
    """A manifest in the store that refers to an image, its type, and all blobs that it names."""

    manifest: BlobRef
    artifact_type: str
    annotations: Mapping[str, str]
    blobs: tuple[BlobRef, ...]

    def descriptor(self) -> dict[str, Any]:
        """Return its descriptor in a list of referrers (distribution-spec, "Listing Referrers")."""
        kind = {"annotations": dict(self.annotations), "artifactType": self.artifact_type}
        return content_descriptor(self.manifest, MANIFEST) | kind


def attach(
    subject: BlobRef,
    artifact_type: str,
    documents: Sequence[Attached],
    annotations: Mapping[str, str],
    store: BlobStore,
) -> Referrer:
    """Make a referrer to the image with the manifest `subject`, of documents in the store."""
    empty = put_blob(store, _EMPTY)
    content = canonical_json(
        {
            "annotations": dict(annotations),
            "artifactType": artifact_type,
            "config": content_descriptor(empty, _EMPTY_TYPE),
            "layers": [document.descriptor() for document in documents],
            "mediaType": MANIFEST,
            "schemaVersion": 2,
            "subject": content_descriptor(subject, MANIFEST),
        }
    )
    manifest = put_blob(store, content)
    blobs = dict.fromkeys([empty, *(document.blob for document in documents)])
    return Referrer(manifest, artifact_type, annotations, tuple(blobs))


def referrers_tag(subject: Digest) -> str:
    """Return the tag for the list of an image's referrers, in registries without the referrers API."""
    return f"sha256-{subject.hex}"


def referrers_index(descriptors: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the index that lists referrers, each once, by digest."""
    by_digest = {str(descriptor["digest"]): descriptor for descriptor in descriptors}
    listed = [by_digest[digest] for digest in sorted(by_digest)]
    return canonical_json({"manifests": listed, "mediaType": INDEX, "schemaVersion": 2})
