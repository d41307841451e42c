"""Rebuilds: build jobs of plans that are built already, to see whether they come out the same. Read only."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlmodel import col, func, select

from farm.core.names.digest import Digest
from farm.server.jobs.jobs import job_of_row
from farm.server.tables.job_rows import JobRow
from farm.server.tables.package_rows import PackageRow
from farm.server.tables.parts import in_parts
from farm.server.tables.states import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session

    from farm.server.tables.records import Job


def rebuilds_of(session: Session, plans: Iterable[Digest]) -> dict[Digest, list[Job]]:
    """Return the rebuilds of each of these plans, the oldest first; plans without one are left out."""
    found: defaultdict[Digest, list[Job]] = defaultdict(list)
    query = select(JobRow).where(col(JobRow.rebuild)).order_by(col(JobRow.id))
    query = query.execution_options(populate_existing=True)
    for some in in_parts(plans):
        for row in session.exec(query.where(col(JobRow.subject).in_(some))):
            found[Digest(row.subject or "")].append(job_of_row(row))
    return dict(found)


def ready_by_first_builder(session: Session) -> dict[str, int]:
    """Return how many rebuilds wait for a worker, by the worker who built the plan first (and will not get them)."""
    query = (
        select(PackageRow.built_by, func.count(func.distinct(JobRow.id)))
        .join(JobRow, col(JobRow.subject) == col(PackageRow.plan))
        .where(JobRow.state == JobState.READY, col(JobRow.rebuild))
        .group_by(PackageRow.built_by)
    )
    return dict(session.exec(query).all())
