"""Signed submissions: a person's statement that recipes, as they are, may be built here; signed with that person's key.

A withdrawal of a waiting submission is a statement of another type about the same recipes: neither passes for the
other. The owners of recipes are passed in.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from securesystemslib.dsse import Envelope

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.names.utc import utc_text
from farm.errors import FarmError
from farm.trust.attestation.curator_order import named
from farm.trust.attestation.in_toto import (
    check_type,
    digest_of,
    make_statement,
    read_time,
    reading_statement,
    resource,
)
from farm.trust.attestation.personal import open_personal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

PREDICATE_TYPE = "urn:farm:submission:1"
WITHDRAWAL_TYPE = "urn:farm:submission-withdrawal:1"
MOST_RECIPES = 1000
"""The limit of one submission."""
_PREFIX = "packages/"
_WHOSE_KEY = "Sign with the key that curators.yaml has next to your name; or have yours put there."


class SubmissionStatementError(FarmError):
    """A signed statement is not a submission of these recipes by that person."""

    code = "submission-statement"

    def __init__(self, why: str, remedy: str = "Sign again with `farm submit`.") -> None:
        super().__init__(f"this is not a signed submission: {why}", remedy=remedy)


@dataclass(frozen=True, slots=True)
class SignedSubmission:
    """`submitter` submits these recipes, by name and digest, to `distribution`; or has `withdrawn` them."""

    distribution: str
    submitter: str
    recipes: Mapping[str, Digest]
    at: datetime
    withdrawn: bool = False

    def signs(self, name: str, recipe: Digest, *, distribution: str) -> bool:
        """Return whether it submits the recipe `name` of this digest."""
        return not self.withdrawn and self.distribution == distribution and self.recipes.get(name) == recipe


@dataclass(frozen=True, slots=True)
class OpenedSubmission:
    """A submission, and its envelope in the smallest form: the payload and the one signature that was verified.

    The digest of that form is the signature's own: the same statement signed by the same key always has it. By that of
    the `statement` alone it is withdrawn.
    """

    said: SignedSubmission
    envelope: bytes
    statement: Digest


def submission_statement(submission: SignedSubmission) -> dict[str, Any]:
    """Return the in-toto statement by which a person submits recipes, or withdraws them."""
    return make_statement(
        WITHDRAWAL_TYPE if submission.withdrawn else PREDICATE_TYPE,
        (resource(f"{_PREFIX}{name}", digest) for name, digest in sorted(submission.recipes.items())),
        {
            "distribution": submission.distribution,
            "submitter": submission.submitter,
            "time": utc_text(submission.at, "microseconds"),
        },
    )


def read_submission(envelope: bytes, people: Mapping[str, str]) -> OpenedSubmission:
    """Return the submission in an envelope; `people` are public keys (64 hexadecimal digits) by name.

    The key that signed must be that of the submitter named in the statement.
    Raises `SubmissionStatementError`, or `InvalidEnvelopeError` if no key of these people has signed.
    """
    statement, keyid, signers = open_personal(envelope, people, remedy=_WHOSE_KEY)
    said = _said(statement)
    if said.submitter not in signers:
        raise SubmissionStatementError(f"{said.submitter[:100]!r} is not the owner of the key that signed", _WHOSE_KEY)
    whole = Envelope.from_dict(json.loads(envelope))
    smallest = Envelope(whole.payload, whole.payload_type, {keyid: whole.signatures[keyid]})
    return OpenedSubmission(said, canonical_json(smallest.to_dict()), Digest.of(whole.payload))


def shown_submission(envelope: bytes) -> OpenedSubmission:
    """Return the submission in an envelope, without verifying its signature.

    Raises `SubmissionStatementError`.
    """
    try:
        whole = Envelope.from_dict(json.loads(envelope))
        statement = json.loads(whole.payload)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SubmissionStatementError(f"this is not an envelope: {error!r:.200}") from error
    return OpenedSubmission(_said(statement), envelope, Digest.of(whole.payload))


def to_withdraw(envelopes: Iterable[bytes]) -> dict[str, Digest | None]:
    """Return the submissions in some envelopes as an order withdraws them: digests of statements, by submitter.

    Raises `SubmissionStatementError`.
    """
    shown = map(shown_submission, envelopes)
    return named(sorted((submission.said.submitter, submission.statement) for submission in shown))


def _said(statement: Any) -> SignedSubmission:
    if not isinstance(statement, dict):
        raise SubmissionStatementError("the statement is not an object")
    kind = check_type(statement, PREDICATE_TYPE, WITHDRAWAL_TYPE, refused=SubmissionStatementError)
    with reading_statement(SubmissionStatementError):
        recipes = _recipes(statement["subject"])
        predicate = statement["predicate"]
        distribution, submitter, at = predicate["distribution"], predicate["submitter"], read_time(predicate["time"])
    if not isinstance(distribution, str) or not isinstance(submitter, str):
        raise SubmissionStatementError("the statement has something else in place of names")
    return SignedSubmission(distribution, submitter, recipes, at, withdrawn=kind == WITHDRAWAL_TYPE)


def _recipes(subjects: Any) -> dict[str, Digest]:
    if not isinstance(subjects, list) or not 0 < len(subjects) <= MOST_RECIPES:
        raise ValueError(f"it names no recipe, or more than {MOST_RECIPES}")
    found: dict[str, Digest] = {}
    for subject in subjects:
        prefix, name = subject["name"][: len(_PREFIX)], subject["name"][len(_PREFIX) :]
        if prefix != _PREFIX or not name or name in found:
            raise ValueError(f"{subject['name'][:100]!r} is not a recipe, or is named twice")
        found[name] = digest_of(subject)
    return found
