"""Signed statements: in-toto payloads in DSSE envelopes, as cosign and in-toto read them."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError

from farm.core.names.canonical_json import canonical_json
from farm.errors import FarmError
from farm.trust.blob_limits import LARGEST_ENVELOPE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from securesystemslib.signer import Key, Signer

PAYLOAD_TYPE = "application/vnd.in-toto+json"
_OF_A_BUILDER = (
    "Do not use the package. Its builder has to be allowed by the owner of the distribution; or raise the "
    "revision in the recipe, so that one that is allowed builds it."
)


class InvalidEnvelopeError(FarmError):
    """Bytes are not a DSSE envelope with an in-toto statement, or no allowed key has signed it."""

    code = "invalid-envelope"


def sign_statement(statement: Mapping[str, Any], *signers: Signer) -> bytes:
    """Return a DSSE envelope (JSON) around the canonical JSON of `statement`, signed by each of `signers`."""
    envelope = Envelope(canonical_json(statement), PAYLOAD_TYPE, {})
    for signer in signers:
        envelope.sign(signer)
    return canonical_json(envelope.to_dict())


def unverified_statement(content: bytes) -> Any:
    """Return the statement in an envelope without checking signatures: for a caller who trusts it on other grounds.

    Raises `InvalidEnvelopeError`.
    """
    try:
        return json.loads(base64.b64decode(json.loads(content)["payload"]))
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise InvalidEnvelopeError(f"this is not a DSSE envelope with a statement: {error!r:.200}") from error


def named_keys(content: bytes) -> frozenset[str]:
    """Return the ids of the keys that an envelope names as having signed it; nothing of that is verified."""
    try:
        return frozenset(Envelope.from_dict(json.loads(content)).signatures)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return frozenset()


def open_envelope(
    content: bytes, allowed: Mapping[str, Key], *, remedy: str = _OF_A_BUILDER
) -> tuple[dict[str, Any], Key]:
    """Return the statement of an envelope and the key, one of `allowed` (by key id), that signed it.

    `remedy` is for the case that none of them has; by default, the statement should be a builder's.
    Raises `InvalidEnvelopeError`. The payload is not parsed before a signature has been verified.
    """
    if len(content) > LARGEST_ENVELOPE:
        raise InvalidEnvelopeError(f"the envelope has {len(content)} bytes, more than {LARGEST_ENVELOPE}")
    try:
        envelope = Envelope.from_dict(json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidEnvelopeError(f"this is not a DSSE envelope: {error}") from error
    if envelope.payload_type != PAYLOAD_TYPE:
        raise InvalidEnvelopeError(f"the payload type is {envelope.payload_type!r}, not {PAYLOAD_TYPE}")
    signed_by = ", ".join(str(keyid)[:16] for keyid in envelope.signatures) or "nobody"
    try:
        verified = envelope.verify(list(allowed.values()), 1)
    except (ValueError, VerificationError) as error:
        raise InvalidEnvelopeError(
            f"no allowed key has signed the statement (signed by: {signed_by})",
            remedy=remedy,
        ) from error
    try:
        statement = json.loads(envelope.payload)
    except (ValueError, RecursionError) as error:
        raise InvalidEnvelopeError(f"the payload is not a statement: {error}") from error
    if not isinstance(statement, dict):
        raise InvalidEnvelopeError("the payload is not a statement")
    return statement, next(iter(verified.values()))
