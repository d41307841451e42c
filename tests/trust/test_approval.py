"""An approval is a curator's own statement about one package and one channel, and nothing else counts as one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner

from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.names.platform import Platform
from farm.core.names.version import Version
from farm.core.package.descriptor import Descriptor
from farm.errors import FarmError
from farm.trust.attestation.approval import (
    PREDICATE_TYPE,
    ApprovalError,
    SignedApproval,
    approval_statement,
    is_approval,
    read_approval,
)
from farm.trust.attestation.dsse import InvalidEnvelopeError, sign_statement

ONE = Digest.of(b"1")
JQ = Descriptor(
    name=PackageName.parse("dist.example.org/jq"), version=Version("1.7.1"), revision=1,
    platform=Platform.parse("linux/amd64"), tree=ONE, diff_id=ONE, facts=ONE, plan=ONE, license="MIT",
)  # fmt: skip
ALICE, BOB = CryptoSigner.generate_ed25519(), CryptoSigner.generate_ed25519()
KEYS = {"alice": ALICE.public_key.keyval["public"], "bob": BOB.public_key.keyval["public"]}


def statement(**changed: Any) -> dict[str, Any]:
    return approval_statement(JQ, channel="stable", curator="alice") | changed


def test_what_was_signed_is_what_is_read() -> None:
    read = read_approval(sign_statement(statement(), ALICE), KEYS)
    assert read == SignedApproval("stable", "alice", JQ.digest, "dist.example.org/jq 1.7.1-1")
    other = replace(JQ, revision=2)
    signed = sign_statement(approval_statement(other, channel="stable", curator="alice"), ALICE)
    assert read_approval(signed, KEYS).package == other.digest != JQ.digest


def test_nobody_signs_for_somebody_else() -> None:
    with pytest.raises(ApprovalError, match="'alice' is not the owner of the key that signed") as other:
        read_approval(sign_statement(statement(), BOB), KEYS)
    with pytest.raises(InvalidEnvelopeError, match="no allowed key") as stranger:
        read_approval(sign_statement(statement(), CryptoSigner.generate_ed25519()), KEYS)
    for refused in (other, stranger):
        assert "the key that curators.yaml has next to your name" in refused.value.remedy
        assert "builder" not in refused.value.remedy


@pytest.mark.parametrize(
    "changed",
    [
        {"predicateType": "https://slsa.dev/provenance/v1"},
        {"_type": "x"},
        {"subject": []},
        {"subject": [{"name": "a", "digest": {"sha256": "0" * 64}}] * 2},
        {"subject": [{"name": "a", "digest": {"sha256": "x"}}]},
        {"subject": [{"name": 1, "digest": {"sha256": "0" * 64}}]},
        {"predicate": {"channel": "stable"}},
        {"predicate": {"channel": ["stable"], "curator": "alice"}},
        {"predicate": {"channel": "stable", "curator": ["alice"]}},
        {"predicate": {"channel": "stable", "curator": "alice", "distribution": ["dist.example.org"]}},
        {"predicate": None},
        {"subject": None},
    ],
)
def test_another_statement_is_no_approval(changed: dict[str, Any]) -> None:
    with pytest.raises(ApprovalError):
        read_approval(sign_statement(statement(**changed), ALICE), KEYS)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"payload": 1}'])
def test_what_is_no_envelope_is_refused(content: bytes) -> None:
    with pytest.raises(FarmError):
        read_approval(content, KEYS)


def test_the_type_of_the_statement_stays() -> None:
    assert PREDICATE_TYPE == "urn:farm:approval:1"


def test_a_kept_approval_counts_with_todays_key_for_what_it_says_only() -> None:
    signed = sign_statement(statement(), ALICE)
    meant: dict[str, Any] = {"channel": "stable", "package": JQ.digest, "curator": "alice"}
    assert is_approval(signed, KEYS["alice"], **meant)
    assert not is_approval(signed, KEYS["bob"], **meant)
    for other in ({"channel": "edge"}, {"package": ONE}, {"curator": "bob"}):
        assert not is_approval(signed, KEYS["alice"], **meant | other)


@pytest.mark.parametrize(("said", "own"), [("", True), ("dist.example.org", True), ("other.example", False)])
def test_it_is_to_one_distribution_and_that_of_before_to_the_package_s_own(said: str, *, own: bool) -> None:
    signed = sign_statement(approval_statement(JQ, channel="stable", curator="alice", distribution=said), ALICE)
    read = read_approval(signed, KEYS)
    assert (read.distribution, read.is_to("dist.example.org"), read.is_to("other.example")) == (said, own, not own)
    meant: dict[str, Any] = {"channel": "stable", "package": JQ.digest, "curator": "alice"}
    assert is_approval(signed, KEYS["alice"], **meant)
    assert is_approval(signed, KEYS["alice"], **meant, distribution="dist.example.org") == own
