"""Statements about previews: the farm's preview key says which release a preview is, and until when.

The key is listed by targets for this alone. It is no key of a role: what it signs is no metadata, so that nobody who
does not ask for a preview by its number reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.core.names.preview_name import preview_name
from farm.core.names.utc import utc_text
from farm.core.plan.job import BlobRef
from farm.errors import FarmError
from farm.trust.attestation.dsse import open_envelope
from farm.trust.attestation.in_toto import check_type, digest_of, make_statement, read_time, reading_statement, resource

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from securesystemslib.signer import Key

PREDICATE_TYPE = "urn:farm:preview:1"


class PreviewStatementError(FarmError):
    """A signed statement is not about this preview, or is over."""

    code = "preview-statement"

    def __init__(self, why: str, remedy: str = "Ask its submitter for a new one: `farm submit --preview`.") -> None:
        super().__init__(f"this is no valid preview: {why}", remedy=remedy)


@dataclass(frozen=True, slots=True)
class PreviewStatement:
    """The preview of submission `number` is the release in this blob, until `until`."""

    distribution: str
    number: int
    release: BlobRef
    until: datetime


def preview_statement(stated: PreviewStatement) -> dict[str, Any]:
    """Return the in-toto statement of a preview."""
    name = f"{stated.distribution}/{preview_name(stated.number)}"
    return make_statement(
        PREDICATE_TYPE,
        [resource(name, stated.release.digest)],
        {
            "distribution": stated.distribution,
            "number": stated.number,
            "size": stated.release.size,
            "until": utc_text(stated.until),
        },
    )


def read_preview(
    envelope: bytes, keys: Mapping[str, Key], *, distribution: str, number: int, now: datetime
) -> PreviewStatement:
    """Return the statement about exactly this preview; `keys` are the preview keys that targets list, by key id.

    Raises `PreviewStatementError`, or `InvalidEnvelopeError` if none of these keys has signed it.
    """
    statement, _ = open_envelope(envelope, keys, remedy="Run no preview of this farm; tell its operators.")
    stated = shown_preview(statement)
    if (stated.distribution, stated.number) != (distribution, number):
        raise PreviewStatementError(
            f"it is preview {stated.number} of {stated.distribution[:100]}, not {number} of {distribution}",
            "Run nothing of it; tell the operators of the farm.",
        )
    if stated.until <= now:
        raise PreviewStatementError(f"preview {number} has ended at {utc_text(stated.until)}")
    return stated


def shown_preview(statement: Mapping[str, Any]) -> PreviewStatement:
    """Read a statement whose signature somebody else has checked. Raises `PreviewStatementError`."""
    check_type(statement, PREDICATE_TYPE, refused=PreviewStatementError)
    with reading_statement(PreviewStatementError):
        (subject,) = statement["subject"]
        predicate = statement["predicate"]
        number, size, distribution = predicate["number"], predicate["size"], predicate["distribution"]
        if type(number) is not int or type(size) is not int or size < 0 or not isinstance(distribution, str):
            raise ValueError("it has something else in place of numbers and names")
        return PreviewStatement(distribution, number, BlobRef(digest_of(subject), size), read_time(predicate["until"]))
