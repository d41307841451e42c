"""Signed documents about vulnerabilities: advisories, statements and reviews, each a `Claim` with a digest of its own.

A curator's order of the act `advise` names claims. The same document in other bytes, or about another package, is
another claim.
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
class Claim:
    """One claim: its label for people (`EXAMPLE-2026-1`), and the digest of its canonical JSON."""

    label: str
    digest: Digest


def advisory_claim(document: Mapping[str, Any]) -> Claim:
    """Return the claim of an advisory in OSV's form; its digest is that of the blob in the published list."""
    withdrawn = " withdrawn" if document.get("withdrawn") else ""
    return _claim(f"{document.get('id')}{withdrawn}", dict(document))


def statement_claim(statement: Statement, distribution: str) -> Claim:
    """Return the claim of a statement (OpenVEX), as in the document that a distribution publishes."""
    version = f" {statement.version}" if statement.version else ""
    label = f"{statement.vulnerability} {statement.status} in {statement.package}{version}"
    return _claim(label, statement_form(statement, distribution))


def review_claim(review: Review) -> Claim:
    """Return the claim of a review."""
    return _claim(f"review of {review.package}", review.to_dict())


def claims_to_sign(claims: Iterable[Claim]) -> dict[str, Digest | None]:
    """Return claims as an order names them. Raises a `FarmError` if there are too many."""
    once = dict.fromkeys(claims)
    if len(once) > MOST_PACKAGES:
        raise FarmError(
            f"{len(once)} things are stated at once, and {MOST_PACKAGES} is the most that one order signs",
            remedy="State them in several documents.",
            code="too-many-words",
        )
    return named((claim.label, claim.digest) for claim in once)


def _claim(label: str, form: Mapping[str, Any]) -> Claim:
    return Claim(label[:_LONGEST], Digest.of_json(form))
