"""A signed submission is a person's own statement about exactly these recipes, and nothing else counts as one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner

from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.trust.attestation.dsse import InvalidEnvelopeError, sign_statement
from farm.trust.attestation.in_toto import reading_statement
from farm.trust.attestation.submission_statement import (
    MOST_RECIPES,
    PREDICATE_TYPE,
    SignedSubmission,
    SubmissionStatementError,
    read_submission,
    submission_statement,
)

JQ, ZLIB = Digest.of(b"jq"), Digest.of(b"zlib")
AT = datetime(2026, 11, 24, 12, 0, 1, 500, tzinfo=UTC)
ALICE, BOB = CryptoSigner.generate_ed25519(), CryptoSigner.generate_ed25519()
KEYS = {"alice": ALICE.public_key.keyval["public"], "bob": BOB.public_key.keyval["public"]}
SAID = SignedSubmission("dist.example.org", "alice", {"jq": JQ, "zlib": ZLIB}, AT)


def signed(signer: CryptoSigner = ALICE, **changed: Any) -> bytes:
    return sign_statement(submission_statement(SAID) | changed, signer)


def predicate(**changed: Any) -> dict[str, Any]:
    return {"predicate": submission_statement(SAID)["predicate"] | changed}


def test_what_was_signed_is_what_is_read() -> None:
    assert read_submission(signed(), KEYS).said == SAID
    statement = submission_statement(SAID)
    assert statement["predicateType"] == PREDICATE_TYPE == "urn:farm:submission:1"
    assert statement["subject"][0] == {"name": "packages/jq", "digest": {"sha256": JQ.hex}}
    assert statement["predicate"]["time"] == "2026-11-24T12:00:01.000500Z"


def test_nobody_signs_for_somebody_else() -> None:
    with pytest.raises(SubmissionStatementError, match="'alice' is not the owner of the key that signed"):
        read_submission(signed(BOB), KEYS)
    with pytest.raises(InvalidEnvelopeError, match="no allowed key") as stranger:
        read_submission(signed(CryptoSigner.generate_ed25519()), KEYS)
    assert "curators.yaml" in stranger.value.remedy


@pytest.mark.parametrize(
    "changed",
    [
        {"predicateType": "urn:farm:approval:1"},
        {"_type": "x"},
        {"subject": []},
        {"subject": {}},
        {"subject": [{"name": "jq", "digest": {"sha256": JQ.hex}}]},
        {"subject": [{"name": "packages/", "digest": {"sha256": JQ.hex}}]},
        {"subject": [{"name": "packages/jq", "digest": {"sha256": "1"}}]},
        {"subject": [{"name": 1, "digest": {"sha256": JQ.hex}}]},
        {"subject": [{"name": "packages/jq", "digest": {"sha256": JQ.hex}}] * 2},
        {"subject": [{"name": f"packages/a{n}", "digest": {"sha256": JQ.hex}} for n in range(MOST_RECIPES + 1)]},
        {"predicate": {}},
        predicate(distribution=1),
        predicate(submitter=["alice"]),
        predicate(time="2026-11-24T12:00:00"),
        predicate(time=0),
    ],
)
def test_a_statement_that_says_something_else_signs_nothing(changed: dict[str, Any]) -> None:
    with pytest.raises(SubmissionStatementError):
        read_submission(signed(**changed), KEYS)


def test_an_owner_has_signed_this_recipe_as_it_is_in_this_distribution() -> None:
    said = read_submission(signed(), KEYS).said
    assert said.submitter == "alice"
    assert said.signs("jq", JQ, distribution=SAID.distribution)
    assert not said.signs("jq", ZLIB, distribution=SAID.distribution)
    assert said.signs("zlib", ZLIB, distribution=SAID.distribution)
    assert not said.signs("bash", JQ, distribution=SAID.distribution)
    assert not said.signs("jq", JQ, distribution="other.example.org")
    for owners in ({"bob": KEYS["bob"]}, {}):
        with pytest.raises(InvalidEnvelopeError):
            read_submission(signed(), owners)
    withdrawn = sign_statement(
        submission_statement(SignedSubmission(SAID.distribution, "alice", SAID.recipes, AT, withdrawn=True)), ALICE
    )
    assert read_submission(withdrawn, KEYS).said.withdrawn
    assert not read_submission(withdrawn, KEYS).said.signs("jq", JQ, distribution=SAID.distribution)


def test_one_signature_has_one_smallest_form() -> None:
    """A replay cannot make it look different by other members of the envelope."""
    plain = read_submission(signed(), KEYS).envelope
    both = Envelope.from_dict(json.loads(signed()))
    both.sign(BOB)
    padded = json.dumps(both.to_dict() | {"more": 1}, indent=2).encode()
    opened = read_submission(padded, {"alice": KEYS["alice"]})
    assert opened.envelope == plain != padded
    assert read_submission(opened.envelope, KEYS).said == SAID


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyError("sha256"), "the statement cannot be read: it lacks 'sha256'"),
        (FarmError("'x' is no digest"), "the statement cannot be read: 'x' is no digest"),
        (TypeError("string indices must be integers"), "the statement cannot be read: a value in it has another type"),
    ],
)
def test_what_is_wrong_with_a_statement_is_said_in_words(error: Exception, words: str) -> None:
    with pytest.raises(SubmissionStatementError) as caught, reading_statement(SubmissionStatementError):
        raise error
    assert words in caught.value.message
    assert "Error(" not in caught.value.message
