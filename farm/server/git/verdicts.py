"""The commit status of a change: what has come of it, in a state and a line. Verdicts are read, and never made here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.server.git import changes
from farm.server.git.repositories import repository
from farm.server.git.statuses import commit_status, is_shown, preview_context, show
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
_PREVIEWED = (ChangeState.PREVIEW, ChangeState.MERGED)
_OVER: dict[SubmissionState, tuple[StatusState, str]] = {
    SubmissionState.TAKEN: ("success", "accepted: the farm has taken these builds"),
    SubmissionState.WITHDRAWN: ("error", "the preview was withdrawn; push again, or ask for a new one"),
    SubmissionState.EXPIRED: ("error", "the preview has expired; push again, or ask for a new one"),
}


def show_verdicts(application: Application, address: str) -> int:
    """Let forges show the verdicts on previews that have changed; return how many there were."""
    with application.reading() as unit:
        # One verdict for a commit: two changes at it would contradict each other for ever.
        found = {(change.repository, change.commit): change for change in changes.previewed(unit.session)}
        asked = [(change, status_of(unit, change, address)) for change in found.values()]
        over = {(change.repository, change.name): _is_over(unit, change) for change in found.values()}
        news = [
            (change, status)
            for change, status in asked
            if status
            and (over[change.repository, change.name] or not is_shown(unit.session, change.repository, status))
        ]
    for change, status in news:
        with application.writing() as unit:
            if repository(unit.session, change.repository) is not None:
                show(unit, change.repository, status)
                if over[change.repository, change.name]:
                    changes.set_ended(unit.session, change)
    return len(news)


def status_of(unit: UnitOfWork, change: Change, address: str) -> CommitStatus | None:
    """Return the status of a change; None for a branch that was never previewed."""
    if change.state in _SHOWN and (change.is_pull_request or change.state is not ChangeState.EMPTY):
        page = f"{address}/submissions"
        return commit_status(
            change.commit, preview_context(change.repository), _SHOWN[change.state], change.detail, page
        )
    if change.state not in _PREVIEWED or change.submission is None:
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
    return commit_status(change.commit, preview_context(change.repository), state, line, page)


def _is_over(unit: UnitOfWork, change: Change) -> bool:
    record = submissions.submission(unit.session, change.submission) if change.submission is not None else None
    return record is None or record.state in _OVER


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
    error = attempts.first_error_of(unit.session, finding.job) if finding.job is not None else None
    return _labelled(finding, error.sentence) if error else ""


def _labelled(finding: PreviewFinding, message: str) -> str:
    return f"{finding.package}: {message}" if finding.package else message
