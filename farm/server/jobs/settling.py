"""Settles the jobs that are marked for it, a part in each transaction, whatever is wrong with one of them."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from farm.errors import FarmError
from farm.server.jobs import jobs, waiting
from farm.server.jobs.dependents import settle_all, settle_one
from farm.server.tables.states import JobState
from farm.server.transaction.text import truncate_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from farm.server.tables.records import Job
    from farm.server.transaction.unit_of_work import Application, UnitOfWork

_LOG = logging.getLogger("farm.server")
_AT_ONCE = 50
_PAUSE_SECONDS = 0.005
"""SQLite has one writer: others get their turn in a pause."""
_TROUBLE = (FarmError, LookupError, OSError)


def settle_marked(application: Application, *, submission: int | None = None) -> int:
    """Settle some of the jobs that are marked, perhaps only those of a submission; return how many.

    It may run at any time, in several processes at once, and be interrupted. A build of which something needed is lost,
    such as a blob or a toolchain, fails.
    """
    with application.reading() as unit:
        some = waiting.marked(unit.session, submission=submission, limit=_AT_ONCE)
    if not some:
        return 0
    try:
        with application.planning() as unit:
            settle_all(unit, some)
    except _TROUBLE:
        _LOG.exception("marked jobs cannot be settled together; each is settled by itself")
        _settle_each(application, some)
    return len(some)


def settle_all_marked(
    application: Application,
    *,
    submission: int | None = None,
    seconds: float = 0,
    report: Callable[[int], None] | None = None,
) -> None:
    """Settle the jobs that are marked, others can write in between; with `seconds`, for about so long.

    `report` is called with their number so far. Trouble is only logged: what is left is settled later, by control.
    """
    end = time.monotonic() + seconds
    done = 0
    try:
        while some := settle_marked(application, submission=submission):
            done += some
            if report is not None:
                report(done)
            if seconds and time.monotonic() > end:
                return
            time.sleep(_PAUSE_SECONDS)
    except (*_TROUBLE, SQLAlchemyError):
        _LOG.exception("marked jobs are settled later")


def _settle_each(application: Application, some: Sequence[Job]) -> None:
    for job in some:
        with application.planning() as unit:
            settle_all(unit, [jobs.find_job(unit.session, job.id)], settle=_settle_or_fail)


def _settle_or_fail(unit: UnitOfWork, job: Job) -> bool:
    try:
        with unit.session.begin_nested():
            return settle_one(unit, job)
    except _TROUBLE as error:
        _LOG.exception("job %s cannot be planned", job.id)
        reason = truncate_text(f"it cannot be planned: {error}")
        if job.state is JobState.BLOCKED:
            jobs.move(unit.session, job, JobState.WAITING, now=unit.now)
            job = jobs.find_job(unit.session, job.id)
        return jobs.move(unit.session, job, JobState.FAILED, now=unit.now, error_code="cannot-be-planned", error=reason)
