"""What stands beside an image without being part of it: manifests whose `subject` it is (image-spec 1.1, manifest.md).

So a bill of materials or a release can be attached to an image whose digest is that of its packages alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from farm.core.names.canonical_json import canonical_json
from farm.core.plan.job import BlobRef
from farm.oci.layer import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.core.names.digest import Digest
    from farm.store.blobs import BlobStore

INDEX = "application/vnd.oci.image.index.v1+json"
TITLE = "org.opencontainers.image.title"
_EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
_EMPTY = b"{}"


@dataclass(frozen=True, slots=True)
class Attached:
    """One document of a referrer: its blob, its media type, and the name of the file that a tool makes of it."""

    blob: BlobRef
    media_type: str
    title: str
    annotations: Mapping[str, str] = field(default_factory=dict)

    def descriptor(self) -> dict[str, Any]:
        """Return the content descriptor."""
        return {
            "annotations": {TITLE: self.title, **self.annotations},
            "digest": self.blob.digest,
            "mediaType": self.media_type,
            "size": self.blob.size,
        }


@dataclass(frozen=True, slots=True)
class Referrer:
    """A manifest in the store that refers to an image, of what type it is, and all blobs that it names."""

    manifest: BlobRef
    artifact_type: str
    annotations: Mapping[str, str]
    blobs: tuple[BlobRef, ...]

    def descriptor(self) -> dict[str, Any]:
        """Return it as it stands in a list of referrers (distribution-spec, "Listing Referrers")."""
        return {
            "annotations": dict(self.annotations),
            "artifactType": self.artifact_type,
            "digest": self.manifest.digest,
            "mediaType": MANIFEST,
            "size": self.manifest.size,
        }


def attach(
    subject: BlobRef,
    artifact_type: str,
    documents: Sequence[Attached],
    annotations: Mapping[str, str],
    store: BlobStore,
) -> Referrer:
    """Make a referrer to the image whose manifest is `subject`, of documents that are in the store."""
    empty = BlobRef(store.put_bytes(_EMPTY), len(_EMPTY))
    content = canonical_json(
        {
            "annotations": dict(annotations),
            "artifactType": artifact_type,
            "config": {"digest": empty.digest, "mediaType": _EMPTY_TYPE, "size": empty.size},
            "layers": [document.descriptor() for document in documents],
            "mediaType": MANIFEST,
            "schemaVersion": 2,
            "subject": {"digest": subject.digest, "mediaType": MANIFEST, "size": subject.size},
        }
    )
    manifest = BlobRef(store.put_bytes(content), len(content))
    blobs = dict.fromkeys([empty, *(document.blob for document in documents)])
    return Referrer(manifest, artifact_type, annotations, tuple(blobs))


def referrers_tag(subject: Digest) -> str:
    """Return the tag under which the referrers to an image are listed where nothing else lists them."""
    return f"sha256-{subject.hex}"


def referrers_index(descriptors: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the index that lists referrers, each once, by digest."""
    by_digest = {str(descriptor["digest"]): descriptor for descriptor in descriptors}
    listed = [by_digest[digest] for digest in sorted(by_digest)]
    return canonical_json({"manifests": listed, "mediaType": INDEX, "schemaVersion": 2})
