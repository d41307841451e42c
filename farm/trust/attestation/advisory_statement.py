"""Signed documents about vulnerabilities: advisories, statements and reviews, each a `Word` with a digest of its own.

A curator's order of the act `advise` names words. The same document in other bytes, or about another package, is
another word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.core.advisories.openvex import statement_form
from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.trust.attestation.curator_order import MOST_PACKAGES, named

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.core.advisories.matching import Statement
    from farm.core.advisories.reviews import Review

# The order that names it has room for 255 characters, of which a digest may take 72.
_LONGEST = 180


@dataclass(frozen=True, slots=True)
class Word:
    """One claim: its label for people (`EXAMPLE-2026-1`), and the digest of its canonical JSON."""

    label: str
    digest: Digest


def advisory_word(document: Mapping[str, Any]) -> Word:
    """Return the word of an advisory in OSV's form; its digest is that of the blob in the published list."""
    withdrawn = " withdrawn" if document.get("withdrawn") else ""
    return _word(f"{document.get('id')}{withdrawn}", dict(document))


def statement_word(statement: Statement, distribution: str) -> Word:
    """Return the word of a statement (OpenVEX), as in the document that a distribution publishes."""
    version = f" {statement.version}" if statement.version else ""
    label = f"{statement.vulnerability} {statement.status} in {statement.package}{version}"
    return _word(label, statement_form(statement, distribution))


def review_word(review: Review) -> Word:
    """Return the word of a review."""
    return _word(f"review of {review.package}", review.to_dict())


def words_to_sign(words: Iterable[Word]) -> dict[str, Digest | None]:
    """Return words as an order names them. Raises a `FarmError` if there are too many."""
    once = dict.fromkeys(words)
    if len(once) > MOST_PACKAGES:
        raise FarmError(
            f"{len(once)} things are stated at once, and {MOST_PACKAGES} is the most that one order signs",
            remedy="State them in several documents.",
            code="too-many-words",
        )
    return named((word.label, word.digest) for word in once)


def _word(label: str, form: Mapping[str, Any]) -> Word:
    return Word(label[:_LONGEST], Digest.of_json(form))
