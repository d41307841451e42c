"""The documents attached to an image: its SBOM, its releases, and the provenance of its packages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farm.client.image.records import Evidence, ImageRecord, ImageRecords
from farm.client.image.sbom import image_sbom
from farm.client.repository.placed_packages import release_ref
from farm.core.names.digest import Digest
from farm.core.names.utc import utc_text
from farm.oci.cosign import ENVELOPE, SPDX, envelope_annotations
from farm.oci.layer import put_blob
from farm.oci.referrers import Attached, Referrer, attach
from farm.trust.attestation.image_statement import SPDX_PREDICATE
from farm.trust.attestation.provenance import PREDICATE_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from farm.client.image.making import MadeImage
    from farm.client.image.package_set import ImagePart
    from farm.client.repository.catalogue import Catalogue
    from farm.core.plan.job import BlobRef
    from farm.core.sets.members.set_record import ReleaseRef
    from farm.store.blobs import BlobStore

RELEASE = "application/vnd.farm.release.v1+json"
RECORD = "application/vnd.farm.set.v1+json"
PROVENANCE = ENVELOPE
ATTESTATION = "application/vnd.in-toto+json"
"""The type of a referrer with a signed statement about the image; `PROVENANCE` is for the provenance of packages."""
RELEASES = "farm.releases"
"""The annotation of an image and its referrers that names the releases it comes from."""


@dataclass(frozen=True, slots=True)
class ReleaseHead:
    """A release that an image comes from: its reference in a set's record, its time, and its signed head."""

    ref: ReleaseRef
    released_at: str
    content: bytes


def release_head(catalogue: Catalogue) -> ReleaseHead:
    """Return the release head of a catalogue."""
    release = catalogue.release
    return ReleaseHead(release_ref(release), release.released_at, release.to_json())


def referrers_of(
    made: MadeImage, parts: Sequence[ImagePart], heads: Sequence[ReleaseHead], store: BlobStore
) -> tuple[Referrer, ...]:
    """Make the referrers of an image. Provenance that the store lacks is left out."""
    subject = made.image.manifest
    newest = max((head.released_at for head in heads), default="")
    sbom = Attached(put_blob(store, image_sbom(made.image, made.record, parts, newest)), SPDX, "image.spdx.json")
    found = [attach(subject, SPDX, [sbom], annotations_of(made, heads), store)]
    if heads:
        documents = [Attached(put_blob(store, made.record.to_json()), RECORD, "set.json")]
        documents += [
            Attached(
                put_blob(store, head.content),
                RELEASE,
                f"{head.ref.distribution}-{head.ref.channel}-{head.ref.number}.json",
            )
            for head in sorted(heads, key=lambda head: head.ref)
        ]
        found.append(attach(subject, RELEASE, documents, annotations_of(made, heads), store))
    envelopes = [
        Attached(
            part.provenance,
            PROVENANCE,
            f"{part.descriptor.store_path}.provenance.json",
            {**envelope_annotations(PREDICATE_TYPE), "org.opencontainers.image.version": part.placed.full_version},
        )
        for part in sorted(parts, key=lambda part: part.descriptor.store_path)
        if part.provenance and store.has(part.provenance.digest)
    ]
    if envelopes:
        found.append(attach(subject, PROVENANCE, envelopes, {"predicateType": PREDICATE_TYPE}, store))
    return tuple(found)


def attested_sbom(image: BlobRef, envelope: bytes, annotations: Mapping[str, str], store: BlobStore) -> Referrer:
    """Make the referrer that holds a signed `image_statement` about an image, whose manifest is `image`."""
    named = envelope_annotations(SPDX_PREDICATE)
    document = Attached(put_blob(store, envelope), ENVELOPE, "image.spdx.json.intoto.jsonl", named)
    return attach(image, ATTESTATION, [document], {"predicateType": SPDX_PREDICATE, **annotations}, store)


def sbom_among(referrers: Iterable[Referrer], store: BlobStore) -> bytes:
    """Return the SBOM among the referrers of an image made here."""
    manifest = next(referrer.manifest for referrer in referrers if referrer.artifact_type == SPDX)
    (document,) = json.loads(store.read(manifest.digest))["layers"]
    return store.read(Digest(document["digest"]))


def keep_image(
    state: Path,
    store: BlobStore,
    made: MadeImage,
    parts: Sequence[ImagePart],
    heads: Sequence[ReleaseHead],
    *,
    name: str = "",
    now: str = "",
) -> ImageRecord:
    """Make the referrers of an image and write the host's record of it.

    `name` is the name of the image, `now` the time (RFC 3339 in UTC, to the second), by default the current one.
    """
    return ImageRecords(state).keep(
        ImageRecord(
            config=made.image.config,
            manifest=made.image.manifest,
            layers=made.image.layers,
            record=made.record,
            made=now or utc_text(datetime.now(UTC)),
            names=(name,) if name else (),
            evidence=evidence_of(parts),
            referrers=referrers_of(made, parts, heads, store),
        )
    )


def annotations_of(made: MadeImage, heads: Sequence[ReleaseHead]) -> dict[str, str]:
    """Return the annotations of an image's descriptor: the set, and the releases that it comes from."""
    said = {"farm.set": str(made.record.digest)}
    if heads:
        said[RELEASES] = " ".join(sorted(str(head.ref) for head in heads))
        # The time of the release, not that of making the image: so it is the same for everyone who makes it.
        said["org.opencontainers.image.created"] = max(head.released_at for head in heads)
    return said


def evidence_of(parts: Sequence[ImagePart]) -> dict[str, Evidence]:
    """Return the documents of packages by descriptor, as the host's record of an image stores them."""
    return {part.descriptor.digest: Evidence(part.archive, part.provenance, part.sbom, part.foreign) for part in parts}
