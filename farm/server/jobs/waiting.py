"""What builds were found to wait for, and which jobs are marked to be settled: written and read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import col, delete, func, insert, select, update

from farm.core.names.grouping import grouped
from farm.server.recipes.needs import all_users
from farm.server.tables.job_rows import JobNeedRow, JobRow
from farm.server.tables.reading import in_parts, rows_with
from farm.server.tables.records import Job
from farm.server.tables.states import HELD, JobState
from farm.server.tables.writing import add_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlmodel import Session


def awaited(session: Session, job_id: int) -> tuple[str, ...]:
    """Return the recipes that a build was found to wait for when it was last settled, sorted."""
    return awaited_by(session, [job_id]).get(job_id, ())


def awaited_by(session: Session, numbers: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """Return what each of these builds waits for, as `awaited` does; those that wait for nothing are left out."""
    query = select(JobNeedRow).order_by(JobNeedRow.recipe)
    rows = rows_with(session, query, JobNeedRow.job_id, numbers)
    return {job: tuple(names) for job, names in grouped((row.job_id, row.recipe) for row in rows).items()}


def set_awaited(session: Session, job_id: int, recipes: Iterable[str]) -> None:
    """Record the recipes that a build waits for, instead of those before."""
    session.exec(delete(JobNeedRow).where(col(JobNeedRow.job_id) == job_id))
    add_rows(session, (JobNeedRow(job_id=job_id, recipe=recipe) for recipe in sorted(set(recipes))))


def add_awaited(session: Session, awaited: Mapping[int, Iterable[str]]) -> None:
    """Record the recipes that new builds wait for."""
    rows = [{"job_id": job, "recipe": name} for job, names in awaited.items() for name in sorted(names)]
    if rows:
        session.exec(insert(JobNeedRow), params=rows)


def mark_to_settle(session: Session, numbers: Iterable[int]) -> None:
    """Mark builds whose state, or that of those that wait for them, may have to change: see `settle_marked`."""
    for part in in_parts(numbers):
        session.exec(update(JobRow).where(col(JobRow.id).in_(part)).values(to_settle=True))


def mark_waiting_for(session: Session, recipes: Iterable[str]) -> None:
    """Mark the blocked builds that wait for one of these recipes, of the farm and of any preview."""
    for part in in_parts(recipes):
        waiting = select(JobNeedRow.job_id).where(col(JobNeedRow.recipe).in_(part))
        blocked = col(JobRow.id).in_(waiting), col(JobRow.state) == JobState.BLOCKED
        session.exec(update(JobRow).where(*blocked).values(to_settle=True))


def mark_users(session: Session, recipes: Iterable[str]) -> None:
    """Mark the builds that wait, or are blocked, of recipes that reach one of these by any needs."""
    for part in in_parts(recipes):
        held = col(JobRow.state).in_(HELD), col(JobRow.name).in_(select(all_users(part).c.above))
        session.exec(update(JobRow).where(*held).values(to_settle=True))


def marked(session: Session, *, submission: int | None = None, limit: int) -> list[Job]:
    """Return jobs that are marked to be settled, oldest first; perhaps only those of a submission."""
    query = select(JobRow).where(col(JobRow.to_settle)).order_by(col(JobRow.id)).limit(limit)
    return Job.all(session, query if submission is None else query.where(JobRow.submission_id == submission))


def count_marked(session: Session, submission: int) -> int:
    """Return how many jobs of a submission are marked to be settled."""
    query = select(func.count()).where(col(JobRow.to_settle), col(JobRow.submission_id) == submission)
    return session.exec(query).one()


def unmark(session: Session, number: int) -> None:
    """Record that a job is settled."""
    session.exec(update(JobRow).where(col(JobRow.id) == number).values(to_settle=False))
