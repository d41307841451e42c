"""People's requests to cancel or retry jobs: who, when and why; written and read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import col, or_, select

from farm.core.names.grouping import grouped
from farm.server.tables.notification_rows import JobRequestRow
from farm.server.tables.reading import Record, in_parts
from farm.server.tables.states import JobAct
from farm.server.tables.writing import add_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest(Record, columns={"job": "job_id", "made": "made_id"}):
    """A person's request about a job; `made` is the job that a retry made, or took up again."""

    job: int
    act: JobAct
    by: str
    why: str
    at: datetime
    made: int | None


def keep(session: Session, request: JobRequest) -> None:
    """Record a request."""
    add_rows(session, [JobRequestRow(**request.columns())])


def of_jobs(session: Session, jobs: Iterable[int]) -> dict[int, list[JobRequest]]:
    """Return the requests about each of these jobs, and those that made it, oldest first."""
    asked, found = set(jobs), []
    for some in in_parts(asked):
        about = or_(col(JobRequestRow.job_id).in_(some), col(JobRequestRow.made_id).in_(some))
        found += JobRequest.all(session, select(JobRequestRow).where(about).order_by(col(JobRequestRow.id)))
    pairs = ((job, request) for request in found for job in dict.fromkeys((request.job, request.made)) if job in asked)
    return {job: list(dict.fromkeys(requests)) for job, requests in grouped(pairs).items() if job is not None}
