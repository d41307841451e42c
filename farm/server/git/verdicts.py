"""The commit status of a change: what has come of it, in a state and a line. Verdicts are read, and never made here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.server.git import changes
from farm.server.git.repositories import repository
from farm.server.git.statuses import PREVIEW, commit_status, is_shown, show
from farm.server.jobs import attempts
from farm.server.previews import previews
from farm.server.submissions import submissions
from farm.server.tables.git_rows import ChangeState
from farm.server.tables.preview_verdict import VerdictState
from farm.server.tables.states import SubmissionState

if TYPE_CHECKING:
    from farm.server.git.changes import Change
    from farm.server.git.forge import CommitStatus, StatusState
    from farm.server.tables.preview_verdict import PreviewFinding, PreviewVerdict
    from farm.server.transaction.unit_of_work import Application, UnitOfWork

_SHOWN: dict[ChangeState, StatusState] = {
    ChangeState.UNAPPROVED: "pending",
    ChangeState.DELAYED: "pending",
    ChangeState.REFUSED: "failure",
    ChangeState.EMPTY: "success",
}
_OVER: dict[SubmissionState, tuple[StatusState, str]] = {
    SubmissionState.TAKEN: ("success", "accepted: the farm has taken these builds"),
    SubmissionState.WITHDRAWN: ("error", "the preview was withdrawn; push again, or ask for a new one"),
    SubmissionState.EXPIRED: ("error", "the preview has expired; push again, or ask for a new one"),
}


def show_verdicts(application: Application, address: str) -> int:
    """Let forges show the verdicts on previews that have changed; return how many there were."""
    with application.reading() as unit:
        found = changes.changes_in(unit.session, (ChangeState.PREVIEW,))
        asked = [(change.repository, status_of(unit, change, address)) for change in found]
        news = [(name, status) for name, status in asked if status and not is_shown(unit.session, name, status)]
    for name, status in news:
        with application.writing() as unit:
            if repository(unit.session, name) is not None:
                show(unit, name, status)
    return len(news)


def status_of(unit: UnitOfWork, change: Change, address: str) -> CommitStatus | None:
    """Return the status of a change; None for a branch that was never previewed."""
    if change.state in _SHOWN and (change.is_pull_request or change.state is not ChangeState.EMPTY):
        page = f"{address}/submissions"
        return commit_status(change.commit, PREVIEW, _SHOWN[change.state], change.detail, page)
    if change.state is not ChangeState.PREVIEW or change.submission is None:
        return None
    page = f"{address}/submissions/{change.submission}"
    record = submissions.submission(unit.session, change.submission)
    if record is None:
        return None
    if record.state in _OVER:
        state, line = _OVER[record.state]
    else:
        preview = previews.preview(unit.session, change.submission)
        state, line = _of_verdict(unit, preview.verdict if preview else None)
    return commit_status(change.commit, PREVIEW, state, line, page)


def _of_verdict(unit: UnitOfWork, verdict: PreviewVerdict | None) -> tuple[StatusState, str]:
    if verdict is None or not verdict.decided:
        return "pending", "it is built and tested"
    if verdict.state is VerdictState.PASSES:
        return "success", verdict.summary
    wrong = [finding for finding in verdict.findings if not finding.passed]
    lines = [line for finding in wrong if (line := _first_error(unit, finding))]
    lines += [_labelled(finding, finding.message) for finding in wrong]
    return "failure", next(iter(lines), verdict.summary)


def _first_error(unit: UnitOfWork, finding: PreviewFinding) -> str:
    """Return the first error in the log of the job that a finding is about; empty if there is none."""
    tried = attempts.attempts_of(unit.session, finding.job) if finding.job is not None else []
    error = tried[-1].first_error if tried else None
    return _labelled(finding, error.sentence) if error else ""


def _labelled(finding: PreviewFinding, message: str) -> str:
    return f"{finding.package}: {message}" if finding.package else message
