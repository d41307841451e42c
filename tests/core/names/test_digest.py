from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.names.digest import Digest, InvalidDigestError


@given(st.binary())
def test_a_digest_is_the_sha256_of_the_content(content: bytes) -> None:
    assert Digest.of(content) == "sha256:" + hashlib.sha256(content).hexdigest()
    assert Digest.from_hex(Digest.of(content).hex) == Digest.of(content)


def test_the_store_key_is_160_bits_in_lower_case_base32() -> None:
    digest = Digest.of(b"")
    assert digest.store_key == "4oymiquy7qobjgx36tejs35zeqt24qpe"
    assert base64.b32decode(digest.store_key.upper()) == hashlib.sha256(b"").digest()[:20]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256:",
        "0" * 64,
        "sha256:" + "A" * 64,
        "sha256:" + "0" * 65,
        "sha512:" + "0" * 64,
        "sha256:" + "0" * 64 + "\n",
    ],
)
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(InvalidDigestError):
        Digest(text)
