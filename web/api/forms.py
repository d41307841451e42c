"""Jobs as the API shows them: with what other rows say of them. All else is read from its record by the wire type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.api.wire import JobWire
from farm.core.names.printed_version import FIRST_BUILD
from farm.server.jobs import job_lookups
from farm.server.packages import packages
from farm.server.packages.build_numbers import numbers_of
from farm.server.tables.states import JobKind, JobState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlmodel import Session

    from farm.core.names.digest import Digest
    from farm.server.tables.records import Job


def job_forms(session: Session, jobs: Sequence[Job]) -> tuple[JobWire, ...]:
    """Return jobs with the versions of those that are no first builds, and the builds that they were dropped for."""
    subjects = {job.subject for job in jobs if job.subject}
    numbers, dropped = numbers_of(session, subjects), packages.dropped_for(session, subjects)
    again = [job for job in jobs if job.subject and numbers.get(job.subject, FIRST_BUILD) != FIRST_BUILD]
    versions = job_lookups.versions(session, again)
    return tuple(
        JobWire.model_validate(job).model_copy(
            update={"version": versions.get(job.id, ""), "same_as": _same_as(job, dropped)}
        )
        for job in jobs
    )


def _same_as(job: Job, dropped: Mapping[Digest, str]) -> str:
    built = job.kind is JobKind.BUILD and job.state is JobState.SUCCEEDED and not job.rebuild
    return dropped.get(job.subject, "") if built and job.subject else ""
