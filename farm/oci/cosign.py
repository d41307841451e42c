"""The tags, named after an image's digest, that cosign 2 reads instead of referrers (its SIGNATURE_SPEC.md).

`sha256-….att` is a manifest whose layers are attestations, `sha256-….sbom` one with an SBOM. Both are manifests as
`farm.oci.referrers` makes them, so that a registry that lists referrers lists them too. Pure.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.oci.referrers import referrers_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SIGNATURE = "dev.cosignproject.cosign/signature"
"""The annotation of a signed layer; empty if the signature is in the envelope."""
ENVELOPE = "application/vnd.dsse.envelope.v1+json"
SPDX = "application/spdx+json"
PROVENANCE = "https://slsa.dev/provenance/v1"
ATTESTATIONS, SBOM = "att", "sbom"
MOST_LAYERS = 1000
"""cosign reads no manifest with more."""
_TAG = re.compile(rf"sha256-([0-9a-f]{{64}})\.({ATTESTATIONS}|{SBOM})")


def cosign_tag(image: Digest, kind: str) -> str:
    """Return the tag under which cosign looks for attestations (`att`) or an SBOM (`sbom`) of an image."""
    return f"{referrers_tag(image)}.{kind}"


def parse_cosign_tag(tag: str) -> tuple[Digest, str] | None:
    """Return the image and the kind that a tag names, None if it is no such tag."""
    found = _TAG.fullmatch(tag)
    return (Digest.from_hex(found[1]), found[2]) if found else None


def envelope_annotations(predicate_type: str) -> dict[str, str]:
    """Return the annotations that cosign needs on an envelope."""
    return {SIGNATURE: "", "predicateType": predicate_type}


def attestations_manifest(referrers: Iterable[bytes], existing: bytes | None = None) -> bytes | None:
    """Return the manifest of all attestations in these referrers' manifests, each once; None without any.

    `existing` is the manifest that the registry has: attestations of others are kept. Beyond the number of layers that
    cosign reads, the last are left out: these are provenance, which is about packages.
    """
    found = [form for form in map(read_manifest, referrers) if _envelopes(form)]
    if not found:
        return None
    listed = [*_envelopes(read_manifest(existing or b"{}")), *(layer for form in found for layer in _envelopes(form))]
    layers = {layer["digest"]: layer for layer in listed}.values()
    last = sorted(layers, key=lambda layer: layer["annotations"].get("predicateType") == PROVENANCE)
    # Without a subject: where referrers are listed, these layers are listed already.
    manifest = {name: value for name, value in found[0].items() if name not in ("annotations", "subject")}
    return canonical_json({**manifest, "artifactType": ENVELOPE, "layers": last[:MOST_LAYERS]})


def sbom_manifest(referrers: Iterable[bytes]) -> bytes | None:
    """Return the manifest of the newest SBOM among these referrers' manifests, None without any."""
    found = [referrer for referrer in referrers if read_manifest(referrer).get("artifactType") == SPDX]
    return found[-1] if found else None


def _envelopes(form: Mapping[str, Any]) -> list[dict[str, Any]]:
    listed = form.get("layers") or ()
    return [layer for layer in listed if isinstance(layer, dict) and SIGNATURE in (layer.get("annotations") or {})]


def read_manifest(manifest: bytes) -> dict[str, Any]:
    """Return the members of a manifest that a registry has sent; none if it is not a JSON object."""
    try:
        form = json.loads(manifest)
    except ValueError:
        return {}
    return form if isinstance(form, dict) else {}
