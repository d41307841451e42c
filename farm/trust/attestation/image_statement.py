"""The signed statement about an image: its bill of materials, bound to the digest of its manifest.

An in-toto statement with an SPDX document as its predicate, so that cosign, and admission controllers of clusters,
verify it as `spdxjson`. The provenance of its packages is attached unchanged: it is about packages, not images.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from farm.trust.attestation.dsse import InvalidEnvelopeError, open_envelope
from farm.trust.attestation.in_toto import make_statement, predicate_type_of, resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from securesystemslib.signer import Key

    from farm.core.names.digest import Digest

SPDX_PREDICATE = "https://spdx.dev/Document"
_OF_A_CHANNEL = "Request it again; if that does not help, look at the log of the signer."


def image_statement(image: Digest, name: str, sbom: bytes) -> dict[str, Any]:
    """Return the statement that an image, by the digest of its manifest, has this bill of materials."""
    return make_statement(SPDX_PREDICATE, [resource(name, image)], json.loads(sbom))


def check_image_statement(content: bytes, keys: Mapping[str, Key], image: Digest) -> None:
    """Check that one of `keys` has signed a statement about exactly this image. Raises `InvalidEnvelopeError`."""
    statement, _ = open_envelope(content, keys, remedy=_OF_A_CHANNEL)
    try:
        subjects = [subject["digest"]["sha256"] for subject in statement["subject"]]
    except (LookupError, TypeError) as error:
        raise InvalidEnvelopeError(f"the statement lacks {error}") from error
    if (kind := predicate_type_of(statement)) != SPDX_PREDICATE:
        raise InvalidEnvelopeError(f"the statement has the type {kind!r:.100}, not that of a bill of materials")
    if subjects != [image.hex]:
        raise InvalidEnvelopeError(f"the statement is about {subjects}, not about {image}", remedy=_OF_A_CHANNEL)
