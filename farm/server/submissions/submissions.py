"""Submissions, their states, and the signatures that came with them: written and read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy.orm import aliased
from sqlmodel import col, func, select

from farm.core.names.digest import Digest
from farm.core.names.grouping import grouped
from farm.server.events.recording import touch_submission
from farm.server.tables.reading import Record, in_parts, rows_with
from farm.server.tables.recipe_rows import RecipeSignatureRow, SubmissionRow, SubmittedRecipeRow
from farm.server.tables.states import SubmissionState
from farm.server.tables.writing import add_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import ColumnElement
    from sqlmodel import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRecord(Record):
    """A submission by its number."""

    id: int
    submitted_by: str
    submitted_at: datetime
    trace: str
    state: SubmissionState


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedRecipe(Record):
    """A recipe of a submission: its digest, and the blob that holds its files."""

    name: str
    digest: Digest
    files: Digest


@dataclass(frozen=True, slots=True)
class RecipeSignature(Record):
    """A person's signature on a recipe (a digest), in an envelope (a blob)."""

    recipe: Digest
    envelope: Digest
    person: str


Signatures: TypeAlias = "Sequence[RecipeSignature]"


def add_submission(
    session: Session,
    *,
    submitted_by: str,
    trace: str,
    now: datetime,
    state: SubmissionState = SubmissionState.TAKEN,
) -> int:
    """Record a submission, as accepted if nothing else is said, and return its number."""
    row = SubmissionRow(submitted_by=submitted_by, submitted_at=now, trace=trace, state=state)
    add_rows(session, [row])
    assert row.id is not None  # noqa: S101  (an autoincrement key)
    touch_submission(session, row.id, now=now)
    return row.id


def add_submitted(session: Session, submission: int, recipes: Iterable[SubmittedRecipe]) -> None:
    """Record the contents of a submission."""
    add_rows(session, (SubmittedRecipeRow(submission_id=submission, **recipe.columns()) for recipe in recipes))


def submission(session: Session, number: int) -> SubmissionRecord | None:
    """Return the submission of this number, if there is one."""
    return SubmissionRecord.first(session, select(SubmissionRow).where(SubmissionRow.id == number))


def submissions_of(session: Session, numbers: Iterable[int]) -> dict[int, SubmissionRecord]:
    """Return those of these submissions that there are."""
    rows = rows_with(session, select(SubmissionRow), SubmissionRow.id, numbers)
    return {record.id: record for record in map(SubmissionRecord.of, rows)}


def list_submissions(
    session: Session, *, state: SubmissionState | None = None, before: int | None = None, limit: int = 50
) -> list[SubmissionRecord]:
    """Return submissions, newest first."""
    query = select(SubmissionRow).order_by(col(SubmissionRow.id).desc()).limit(limit)
    if state is not None:
        query = query.where(SubmissionRow.state == state)
    if before is not None:
        query = query.where(col(SubmissionRow.id) < before)
    return SubmissionRecord.all(session, query)


def waiting_of(session: Session, submitter: str) -> list[SubmissionRecord]:
    """Return the submissions of a submitter that wait for owners, oldest first."""
    query = select(SubmissionRow).where(
        SubmissionRow.state == SubmissionState.WAITING, SubmissionRow.submitted_by == submitter
    )
    return SubmissionRecord.all(session, query.order_by(col(SubmissionRow.id)))


def count_waiting(session: Session) -> int:
    """Return how many submissions wait for owners."""
    query = select(func.count()).select_from(SubmissionRow).where(SubmissionRow.state == SubmissionState.WAITING)
    return session.exec(query).one()


def set_state(session: Session, number: int, state: SubmissionState, *, now: datetime) -> None:
    """Change the state of a submission."""
    session.get_one(SubmissionRow, number).state = state
    touch_submission(session, number, now=now)


def submitted(session: Session, numbers: Iterable[int]) -> dict[int, list[SubmittedRecipe]]:
    """Return the recipes of these submissions, by name."""
    asked = list(numbers)
    query = select(SubmittedRecipeRow).order_by(SubmittedRecipeRow.name)
    rows = rows_with(session, query, SubmittedRecipeRow.submission_id, asked)
    return {number: [] for number in asked} | grouped((row.submission_id, SubmittedRecipe.of(row)) for row in rows)


def add_signatures(
    session: Session, *, envelope: Digest, recipes: Iterable[Digest], person: str, submission: int, now: datetime
) -> None:
    """Record a new envelope, for each recipe that it signs."""
    rows = (
        RecipeSignatureRow(recipe=recipe, envelope=envelope, person=person, submission_id=submission, signed_at=now)
        for recipe in sorted(set(recipes))
    )
    add_rows(session, rows)


def is_known_envelope(session: Session, envelope: Digest) -> bool:
    """Return whether an envelope is known."""
    query = select(RecipeSignatureRow.envelope).where(RecipeSignatureRow.envelope == envelope).limit(1)
    return session.exec(query).first() is not None


def signatures_with(session: Session, numbers: Iterable[int]) -> Mapping[int, Mapping[Digest, Signatures]]:
    """Return the signatures that came with these submissions, by recipe: only each person's newest."""
    found: dict[int, dict[Digest, list[RecipeSignature]]] = {}
    number = col(RecipeSignatureRow.submission_id)
    for some in in_parts(numbers):
        for row in _newest_of_each_person(session, (number, RecipeSignatureRow.recipe), number.in_(some)):
            found.setdefault(row.submission_id, {}).setdefault(Digest(row.recipe), []).append(RecipeSignature.of(row))
    return found


def signatures_taken(session: Session, recipes: Iterable[Digest]) -> Mapping[Digest, Signatures]:
    """Return the signatures on recipes of accepted submissions: only each person's newest.

    By recipe, newest first.
    """
    found: dict[Digest, list[RecipeSignature]] = {}
    recipe, taken = col(RecipeSignatureRow.recipe), col(SubmissionRow.state) == SubmissionState.TAKEN
    for some in in_parts(recipes):
        for row in _newest_of_each_person(session, (recipe,), recipe.in_(some), taken):
            found.setdefault(Digest(row.recipe), []).append(RecipeSignature.of(row))
    return found


def signed_in(session: Session, envelopes: Iterable[Digest]) -> set[Digest]:
    """Return the recipes that are signed in some of these envelopes."""
    rows = rows_with(session, select(RecipeSignatureRow.recipe), RecipeSignatureRow.envelope, envelopes)
    return set(map(Digest, rows))


def _newest_of_each_person(
    session: Session, within: tuple[Any, ...], *where: ColumnElement[bool]
) -> Iterable[RecipeSignatureRow]:
    # A person may sign any number of times: the database leaves out all but the newest.
    newest_first = col(RecipeSignatureRow.signed_at).desc(), col(RecipeSignatureRow.envelope)
    place = func.row_number().over(partition_by=(*within, RecipeSignatureRow.person), order_by=newest_first)
    ranked = (
        select(RecipeSignatureRow, place.label("place"))
        .join(SubmissionRow, col(SubmissionRow.id) == col(RecipeSignatureRow.submission_id))
        .where(*where)
        .subquery()
    )
    newest = aliased(RecipeSignatureRow, ranked)
    query = select(newest).where(ranked.c.place == 1).order_by(ranked.c.signed_at.desc(), ranked.c.envelope)
    return session.exec(query)
