"""Signed requests: the signature covers every part, and no part can be moved into another."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from farm.api.signing import SignedWorkerRequest, UnsignedRequestError, read_signed
from farm.core.names.digest import Digest

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key().public_bytes_raw().hex()
REQUEST = SignedWorkerRequest(
    worker="one",
    method="POST",
    target="/api/v1/worker/attempts/7/log?offset=12",
    body=Digest.of(b"body"),
    time=1_800_000_000,
    nonce="0123456789abcdef",
    lease="token",
)
OTHER = {"body": Digest.of(b"other"), "time": 1_800_000_001}


def _signature(request: SignedWorkerRequest = REQUEST) -> str:
    return request.headers(KEY)["Farm-Signature"]


def test_what_was_signed_is_read_back_and_verifies() -> None:
    request, signature = read_signed(REQUEST.method, REQUEST.target, REQUEST.headers(KEY))
    assert request == REQUEST
    request.verify(signature, PUBLIC)


@pytest.mark.parametrize("part", [field.name for field in fields(SignedWorkerRequest)])
def test_no_part_can_be_changed(part: str) -> None:
    changed = replace(REQUEST, **{part: OTHER.get(part, "other")})  # type: ignore[arg-type]
    with pytest.raises(UnsignedRequestError):
        changed.verify(_signature(), PUBLIC)


def test_another_key_does_not_verify() -> None:
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()
    with pytest.raises(UnsignedRequestError, match="'one'"):
        REQUEST.verify(_signature(), other)


def test_the_signed_bytes_are_these() -> None:
    """A client in another language must produce the same bytes: this is the format."""
    assert REQUEST.message == (
        b"farm request 1\none\nPOST\n/api/v1/worker/attempts/7/log?offset=12\n"
        b"sha256:230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5\n1800000000\n0123456789abcdef\ntoken"
    )


def _read_and_verify(headers: dict[str, str]) -> None:
    request, signature = read_signed(REQUEST.method, REQUEST.target, headers)
    request.verify(signature, PUBLIC)


@given(value=st.text(max_size=300), header=st.sampled_from(sorted(REQUEST.headers(KEY))))
def test_any_other_header_is_refused_or_breaks_the_signature(value: str, header: str) -> None:
    headers = REQUEST.headers(KEY)
    if value == headers[header]:
        return
    with pytest.raises(UnsignedRequestError):
        _read_and_verify({**headers, header: value})


@pytest.mark.parametrize("header", ["Farm-Worker", "Farm-Time", "Farm-Nonce", "Farm-Body", "Farm-Signature"])
def test_a_missing_header_is_named(header: str) -> None:
    headers = REQUEST.headers(KEY)
    del headers[header]
    with pytest.raises(UnsignedRequestError, match=header):
        read_signed(REQUEST.method, REQUEST.target, headers)
