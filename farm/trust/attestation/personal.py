"""Statements that people sign with their own ed25519 keys: nobody signs for another person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from securesystemslib.signer import SSlibKey

from farm.trust.attestation.dsse import InvalidEnvelopeError, open_envelope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from securesystemslib.signer import Key


class PersonalStatement(NamedTuple):
    """The statement in an envelope, the id of the key that signed it, and the people whose key that is."""

    statement: dict[str, Any]
    keyid: str
    signers: frozenset[str]


def open_personal(envelope: bytes, people: Mapping[str, str], *, remedy: str) -> PersonalStatement:
    """Return what one of these people has signed; `people` are public keys (64 hexadecimal digits) by name.

    The caller compares `signers` with the person named in the statement.
    Raises `InvalidEnvelopeError` if no key of theirs has signed.
    """
    keys = {name: _key(public) for name, public in people.items()}
    statement, key = open_envelope(envelope, {key.keyid: key for key in keys.values()}, remedy=remedy)
    signers = frozenset(name for name, known in keys.items() if known.keyid == key.keyid)
    return PersonalStatement(statement, key.keyid, signers)


def _key(public: str) -> Key:
    try:
        return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidEnvelopeError(f"the public key {public!r:.80} of a person cannot be read: {error}") from error
