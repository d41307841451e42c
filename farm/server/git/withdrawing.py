"""Withdraws what came from a repository and is still open: previews, and submissions that wait for owners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.server.identities.access import Actor, audit
from farm.server.submissions import submissions
from farm.server.submissions.previewing import end_preview
from farm.server.tables.states import SubmissionState

if TYPE_CHECKING:
    from farm.server.git.repositories import GitRepository
    from farm.server.transaction.unit_of_work import UnitOfWork


def withdraw_open(unit: UnitOfWork, repository: GitRepository, number: int | None, why: str) -> bool:
    """Withdraw a submission, if it is open; return whether it was. Needs a planning transaction."""
    record = submissions.submission(unit.session, number) if number is not None else None
    if record is None or record.state not in (SubmissionState.PREVIEW, SubmissionState.WAITING):
        return False
    if record.state is SubmissionState.PREVIEW:
        end_preview(unit, record.id, SubmissionState.WITHDRAWN, by=f"{repository.submitter}: {why}")
    else:
        submissions.set_state(unit.session, record.id, SubmissionState.WITHDRAWN, now=unit.now)
    audit(unit, Actor(repository.submitter), "withdraw-submission", f"submission {record.id}", why)
    return True
