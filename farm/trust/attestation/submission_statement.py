"""Signed submissions: a person's own word that recipes, as they are, may be built here; made with that person's key.

That a waiting submission is not wanted is a statement of another type about the same recipes: neither can pass for the
other. Who owns a recipe is said elsewhere, and handed in.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from securesystemslib.dsse import Envelope

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.trust.attestation.curator_order import named
from farm.trust.attestation.in_toto import (
    digest_of,
    make_statement,
    predicate_type_of,
    read_time,
    resource,
    time_text,
)
from farm.trust.attestation.personal import open_personal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

PREDICATE_TYPE = "urn:farm:submission:1"
WITHDRAWAL_TYPE = "urn:farm:submission-withdrawal:1"
MOST_RECIPES = 1000
"""As many as one submission may have."""
_PREFIX = "packages/"
_WHOSE_KEY = "Sign with the key that curators.yaml has beside your name; or have yours put there."


class SubmissionStatementError(FarmError):
    """A signed statement is no word of that person about these recipes."""

    code = "submission-statement"

    def __init__(self, why: str, remedy: str = "Sign again with `farm submit`.") -> None:
        super().__init__(f"this signs no submission: {why}", remedy=remedy)


@dataclass(frozen=True, slots=True)
class SignedSubmission:
    """That `submitter` wants these recipes, by name and digest, built in `distribution`.

    When it is `withdrawn`, that the submission which has them is not wanted.
    """

    distribution: str
    submitter: str
    recipes: Mapping[str, Digest]
    at: datetime
    withdrawn: bool = False

    def signs(self, name: str, recipe: Digest, *, distribution: str) -> bool:
        """Say whether it is a word for the recipe `name` as it is by its digest."""
        return not self.withdrawn and self.distribution == distribution and self.recipes.get(name) == recipe


@dataclass(frozen=True, slots=True)
class OpenedSubmission:
    """What an envelope says, and its smallest form: the payload and the one signature that was verified.

    The digest of that form is the signature's own: the same statement signed by the same key always has it. By that of
    the `statement` alone it is withdrawn.
    """

    said: SignedSubmission
    envelope: bytes
    statement: Digest


def submission_statement(submission: SignedSubmission) -> dict[str, Any]:
    """Return the in-toto statement by which a person signs recipes, or that they are not wanted."""
    return make_statement(
        WITHDRAWAL_TYPE if submission.withdrawn else PREDICATE_TYPE,
        (resource(f"{_PREFIX}{name}", digest) for name, digest in sorted(submission.recipes.items())),
        {
            "distribution": submission.distribution,
            "submitter": submission.submitter,
            "time": time_text(submission.at),
        },
    )


def read_submission(envelope: bytes, people: Mapping[str, str]) -> OpenedSubmission:
    """Return what an envelope says; `people` are public keys (64 hexadecimal digits) by name.

    The key that signed must be that of the submitter whom the statement names: nobody signs for somebody else.
    Raises `SubmissionStatementError`, or `InvalidEnvelopeError` when no key of these people has signed.
    """
    statement, keyid, signers = open_personal(envelope, people, remedy=_WHOSE_KEY)
    said = _said(statement)
    if said.submitter not in signers:
        raise SubmissionStatementError(f"{said.submitter[:100]!r} is not whose key has signed", _WHOSE_KEY)
    whole = Envelope.from_dict(json.loads(envelope))
    smallest = Envelope(whole.payload, whole.payload_type, {keyid: whole.signatures[keyid]})
    return OpenedSubmission(said, canonical_json(smallest.to_dict()), Digest.of(whole.payload))


def shown_submission(envelope: bytes) -> OpenedSubmission:
    """Return what an envelope says that somebody shows, without asking who has signed it.

    Raises `SubmissionStatementError`.
    """
    try:
        whole = Envelope.from_dict(json.loads(envelope))
        statement = json.loads(whole.payload)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SubmissionStatementError(f"what is shown is no envelope: {error!r:.200}") from error
    return OpenedSubmission(_said(statement), envelope, Digest.of(whole.payload))


def to_withdraw(envelopes: Iterable[bytes]) -> dict[str, Digest | None]:
    """Return what was signed in some envelopes as an order withdraws it: the digests of statements, by who has signed.

    Raises `SubmissionStatementError`.
    """
    shown = map(shown_submission, envelopes)
    return named(sorted((submission.said.submitter, submission.statement) for submission in shown))


def _said(statement: Any) -> SignedSubmission:
    if not isinstance(statement, dict):
        raise SubmissionStatementError("the statement is none")
    kind = predicate_type_of(statement)
    if kind not in (PREDICATE_TYPE, WITHDRAWAL_TYPE):
        raise SubmissionStatementError("the statement has another type")
    try:
        recipes = _recipes(statement["subject"])
        predicate = statement["predicate"]
        distribution, submitter, at = predicate["distribution"], predicate["submitter"], read_time(predicate["time"])
    except (KeyError, TypeError, ValueError, AttributeError, FarmError) as error:
        raise SubmissionStatementError(f"the statement lacks what it is about: {error!r:.200}") from error
    if not isinstance(distribution, str) or not isinstance(submitter, str):
        raise SubmissionStatementError("the statement holds something else than names")
    return SignedSubmission(distribution, submitter, recipes, at, withdrawn=kind == WITHDRAWAL_TYPE)


def _recipes(subjects: Any) -> dict[str, Digest]:
    if not isinstance(subjects, list) or not 0 < len(subjects) <= MOST_RECIPES:
        raise ValueError(f"it is about no recipe, or about more than {MOST_RECIPES}")
    found: dict[str, Digest] = {}
    for subject in subjects:
        prefix, name = subject["name"][: len(_PREFIX)], subject["name"][len(_PREFIX) :]
        if prefix != _PREFIX or not name or name in found:
            raise ValueError(f"{subject['name'][:100]!r} is no recipe, or is named twice")
        found[name] = digest_of(subject)
    return found
