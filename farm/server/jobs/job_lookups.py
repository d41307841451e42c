"""Lookups of the data that a page shows with jobs, each in one indexed query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import case, col, func, select

from farm.core.names.digest import Digest
from farm.core.names.printed_version import FIRST_BUILD, printed_version
from farm.server.packages.build_numbers import numbers_of
from farm.server.tables.job_rows import JobRow, PackageTestRow
from farm.server.tables.reading import rows_with
from farm.server.tables.recipe_rows import RecipeRevisionRow
from farm.server.tables.records import Job
from farm.server.tables.release_rows import CandidateTestRow
from farm.server.tables.states import JobState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlmodel import Session


@dataclass(frozen=True, slots=True)
class TestName:
    """A requested test: its name in the recipe, and the package (the descriptor's digest) that it tests."""

    __test__ = False  # pytest would collect it for its name

    test: str
    subject: Digest


def versions(session: Session, jobs: Collection[Job]) -> dict[int, str]:
    """Return the printed version of what each build among these jobs builds, by the job's number."""
    ids = {job.revision_id for job in jobs if job.revision_id is not None}
    revisions = {row.id: row for row in rows_with(session, select(RecipeRevisionRow), RecipeRevisionRow.id, ids)}
    numbers = numbers_of(session, {job.subject for job in jobs if job.subject and job.revision_id is not None})
    return {
        job.id: printed_version(
            revisions[job.revision_id].version,
            revisions[job.revision_id].revision,
            numbers.get(job.subject, FIRST_BUILD) if job.subject else FIRST_BUILD,
        )
        for job in jobs
        if job.revision_id in revisions
    }


def tests_of_digests(session: Session, digests: Iterable[Digest]) -> dict[Digest, TestName]:
    """Return the test of each of these test orders."""
    columns = select(PackageTestRow.digest, PackageTestRow.test, PackageTestRow.subject)
    rows = rows_with(session, columns, PackageTestRow.digest, digests)
    return {Digest(digest): TestName(test, Digest(subject)) for digest, test, subject in rows}


def tests_of_candidate(session: Session, candidate_id: int, *, limit: int) -> tuple[list[Job], int]:
    """Return some of the tests that a candidate requested, those not passed first, and the number of all."""
    has = select(CandidateTestRow.job_id).where(CandidateTestRow.candidate_id == candidate_id)
    passed = case((col(JobRow.state) == JobState.SUCCEEDED, 1), else_=0)
    query = select(JobRow).where(col(JobRow.id).in_(has)).order_by(passed, col(JobRow.id)).limit(limit)
    count = session.exec(select(func.count()).where(CandidateTestRow.candidate_id == candidate_id)).one()
    return Job.all(session, query), count
