"""Changes of a repository, which are open pull requests and branches, and what has come of each: written and read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import col, delete, select

from farm.errors import FarmError
from farm.server.previews.previews import is_open
from farm.server.tables.git_rows import ChangeState, GitChangeRow
from farm.server.tables.reading import Record
from farm.server.transaction.text import truncate_text

if TYPE_CHECKING:
    from sqlmodel import Session

    from farm.server.transaction.unit_of_work import UnitOfWork

PULL, BRANCH = "pull/", "branch/"
_LONGEST_DETAIL = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Record, columns={"submission": "submission_id"}):
    """A pull request (`pull/12`) or a branch (`branch/topic`), at its newest known commit.

    `submission` is its preview, once there was one; `approved` the commit that somebody has asked a preview of.
    """

    repository: str
    name: str
    commit: str
    author: str
    state: ChangeState
    submission: int | None
    detail: str
    approved: str
    changed_at: datetime

    @property
    def is_pull_request(self) -> bool:
        """Whether it is a pull request."""
        return self.name.startswith(PULL)

    @property
    def number(self) -> int:
        """The number of a pull request."""
        return int(self.name.removeprefix(PULL))


def changes_of(session: Session, repository: str) -> dict[str, Change]:
    """Return the changes of a repository by name."""
    query = select(GitChangeRow).where(GitChangeRow.repository == repository).order_by(GitChangeRow.name)
    return {change.name: change for change in Change.all(session, query)}


def changes_in(session: Session, states: tuple[ChangeState, ...]) -> list[Change]:
    """Return the changes of all repositories in these states."""
    return Change.all(session, select(GitChangeRow).where(col(GitChangeRow.state).in_(states)))


def put_change(
    unit: UnitOfWork,
    repository: str,
    name: str,
    *,
    commit: str,
    author: str,
    state: ChangeState,
    submission: int | None = None,
    detail: str = "",
) -> None:
    """Record what has come of a change at a commit."""
    row = unit.session.get(GitChangeRow, (repository, name)) or GitChangeRow(
        repository=repository, name=name, commit=commit, state=state, changed_at=unit.now
    )
    row.commit, row.author, row.state, row.changed_at = commit, author, state, unit.now
    row.submission_id, row.detail = submission, truncate_text(detail, longest=_LONGEST_DETAIL)
    unit.session.add(row)
    unit.session.flush()


def approve_change(unit: UnitOfWork, repository: str, name: str) -> Change:
    """Let a change be previewed as it is now. Raises `FarmError` (`not-found`, `already-previewed`)."""
    row = unit.session.get(GitChangeRow, (repository, name), populate_existing=True)
    if row is None:
        raise FarmError(
            f"{repository} has no open pull request {name.removeprefix(PULL)} that the farm knows",
            remedy=f"See `farm git show {repository}`; `farm git sync {repository}` has it read now.",
            code="not-found",
        )
    if row.submission_id is not None and is_open(unit.session, row.submission_id):
        raise FarmError(
            f"it is previewed at {row.commit[:12]} already: submission {row.submission_id}", code="already-previewed"
        )
    row.approved, row.state = row.commit, ChangeState.DELAYED
    unit.session.add(row)
    unit.session.flush()
    return Change.of(row)


def remove_change(session: Session, change: Change) -> None:
    """Forget a change that is over."""
    mine = (col(GitChangeRow.repository) == change.repository) & (col(GitChangeRow.name) == change.name)
    session.exec(delete(GitChangeRow).where(mine))
