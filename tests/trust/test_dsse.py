"""Invalid envelopes: from any sender, the reader reports an error, and continues."""

from __future__ import annotations

import json

import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner

from farm.errors import FarmError
from farm.trust.attestation.approval import read_approval
from farm.trust.attestation.curator_order import kept_order, read_order
from farm.trust.attestation.dsse import PAYLOAD_TYPE, InvalidEnvelopeError, open_envelope, sign_statement
from farm.trust.attestation.submission_statement import read_submission, shown_submission
from farm.trust.blob_limits import LARGEST_ENVELOPE

BUILDER = CryptoSigner.generate_ed25519()
ALLOWED = {BUILDER.public_key.keyid: BUILDER.public_key}


def signed(payload: bytes) -> bytes:
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(BUILDER)
    return json.dumps(envelope.to_dict()).encode()


def with_keyid(keyid: object) -> bytes:
    form = json.loads(signed(b"{}"))
    form["signatures"][0]["keyid"] = keyid
    return json.dumps(form).encode()


def test_what_an_allowed_key_signed_is_read() -> None:
    assert open_envelope(sign_statement({"a": 1}, BUILDER), ALLOWED) == ({"a": 1}, BUILDER.public_key)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b" " * (LARGEST_ENVELOPE + 1),
        with_keyid(5),
        with_keyid([1]),
        with_keyid({}),
    ],
)
def test_bytes_that_are_no_envelope_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidEnvelopeError):
        open_envelope(content, ALLOWED)


@pytest.mark.parametrize("payload", [b"", b"no JSON", b"\xff", b"[" * 100_000, b"[]", b"null", b"1", b'"text"'])
def test_a_payload_that_is_no_statement_is_refused_though_an_allowed_key_signed_it(payload: bytes) -> None:
    """An allowed builder may lie about anything; its lie must not crash the reader."""
    with pytest.raises(InvalidEnvelopeError):
        open_envelope(signed(payload), ALLOWED)


@pytest.mark.parametrize("payload", [b"", b"no JSON", b"\xff", b"[" * 100_000, b"[]", b"null", b"1", b'"text"', b"{}"])
def test_nor_is_it_an_order_an_approval_or_a_submission(payload: bytes) -> None:
    """The signer reads an order first, and then has the checker read it."""
    people = {"ann": str(BUILDER.public_key.keyval["public"])}
    for read in (
        kept_order,
        shown_submission,
        lambda envelope: read_order(envelope, people),
        lambda envelope: read_approval(envelope, people),
        lambda envelope: read_submission(envelope, people),
    ):
        with pytest.raises(FarmError):
            read(signed(payload))
