"""Changes of a repository, which are open pull requests and branches, and what has come of each: written and read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import col, delete, select, update

from farm.errors import FarmError
from farm.server.previews.previews import is_open
from farm.server.tables.git_rows import ChangeState, GitChangeRow
from farm.server.tables.reading import Record
from farm.server.transaction.text import truncate_text

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlmodel import Session

    from farm.server.transaction.unit_of_work import UnitOfWork

PULL, BRANCH, MERGED = "pull/", "branch/", "merged/"
_ASKABLE = (ChangeState.UNAPPROVED, ChangeState.REFUSED, ChangeState.DELAYED, ChangeState.EMPTY, ChangeState.PREVIEW)
_LONGEST_DETAIL = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Record, columns={"submission": "submission_id"}):
    """A pull request (`pull/12`) or a branch (`branch/topic`), at its newest known commit.

    Or what was merged and waits for owners (`merged/40`): submission 40, which was the preview of a change.
    `submission` is its preview, once there was one; `approved` the commit that somebody has asked a preview of. What
    was refused is tried again at `retry_at`, unless None. `ended`: the forge was notified that its preview has ended.
    """

    repository: str
    name: str
    commit: str
    author: str
    state: ChangeState
    submission: int | None
    detail: str
    approved: str
    retry_at: datetime | None
    ended: bool
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


def change_at(session: Session, repository: str, name: str) -> Change | None:
    """Return a change of a repository by its name."""
    return Change.first(session, select(GitChangeRow).where(_named(repository, name)))


def previewed(session: Session) -> list[Change]:
    """Return the changes of all repositories that have a preview whose end the forge was not notified of yet."""
    states = (ChangeState.PREVIEW, ChangeState.MERGED)
    query = select(GitChangeRow).where(col(GitChangeRow.state).in_(states), col(GitChangeRow.ended).is_(False))
    return Change.all(session, query.order_by(GitChangeRow.repository, GitChangeRow.name))


def merged_changes(session: Session, repository: str) -> list[Change]:
    """Return what of a repository was merged and waits for owners, oldest first."""
    found = changes_of(session, repository).values()
    merged = [change for change in found if change.state is ChangeState.MERGED]
    return sorted(merged, key=lambda change: change.submission or 0)


def has_other_at(session: Session, change: Change) -> bool:
    """Return whether its repository has another change at the same commit."""
    same = (GitChangeRow.repository == change.repository, GitChangeRow.commit == change.commit)
    query = select(GitChangeRow.name).where(*same, GitChangeRow.name != change.name)
    return session.exec(query.limit(1)).first() is not None


def set_ended(session: Session, change: Change) -> None:
    """Record that the forge was notified of the end of a change's preview."""
    same = _named(change.repository, change.name) & (col(GitChangeRow.submission_id) == change.submission)
    session.exec(update(GitChangeRow).where(same).values(ended=True))


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
    retry_at: datetime | None = None,
) -> None:
    """Record what has come of a change at a commit."""
    row = unit.session.get(GitChangeRow, (repository, name)) or GitChangeRow(
        repository=repository, name=name, commit=commit, state=state, changed_at=unit.now
    )
    row.commit, row.author, row.state, row.changed_at = commit, author, state, unit.now
    row.submission_id, row.detail = submission, truncate_text(detail, longest=_LONGEST_DETAIL)
    row.retry_at, row.ended = retry_at, False
    unit.session.add(row)
    unit.session.flush()


def set_merged(unit: UnitOfWork, change: Change, *, submission: int | None = None) -> None:
    """Record that a change was merged and waits for owners, as `merged/N`: what is pushed to it later is another one.

    N is its preview, or the `submission` in place of that.
    """
    number = submission or change.submission
    remove_change(unit.session, change)
    detail = "it is merged, and waits for owners"
    put_change(
        unit,
        change.repository,
        f"{MERGED}{number}",
        commit=change.commit,
        author=change.author,
        state=ChangeState.MERGED,
        submission=number,
        detail=detail,
    )


def set_detail(unit: UnitOfWork, change: Change, detail: str, *, retry_at: datetime) -> None:
    """Record why something could not be done for a change, which is tried again."""
    values = {"detail": truncate_text(detail, longest=_LONGEST_DETAIL), "retry_at": retry_at}
    unit.session.exec(update(GitChangeRow).where(_named(change.repository, change.name)).values(**values))


def remove_merged(session: Session, repository: str, submission: int) -> None:
    """Forget what was merged as a submission that is overtaken."""
    session.exec(delete(GitChangeRow).where(_named(repository, f"{MERGED}{submission}")))


def move_change(unit: UnitOfWork, change: Change, name: str, *, author: str) -> None:
    """Record what has come of a change under another name."""
    row = unit.session.get_one(GitChangeRow, (change.repository, change.name), populate_existing=True)
    values = row.model_dump() | {"name": name, "author": author}
    unit.session.delete(row)
    unit.session.flush()
    unit.session.add(GitChangeRow(**values))
    unit.session.flush()


def approve_change(unit: UnitOfWork, repository: str, name: str, commit: str) -> Change:
    """Let a change be previewed at the commit that somebody has looked at.

    Raises `FarmError` (`not-found`, `commit-changed`, `already-previewed`).
    """
    row = unit.session.get(GitChangeRow, (repository, name), populate_existing=True, with_for_update=True)
    if row is None:
        raise FarmError(
            f"{repository} has no open pull request {name.removeprefix(PULL)} that the farm knows",
            remedy=f"See `farm git show {repository}`; `farm git sync {repository}` has it read now.",
            code="not-found",
        )
    if row.commit != commit:
        raise FarmError(
            f"{name} is at the commit {row.commit} by now, and not at {commit[:64]}",
            remedy="Look at the newer commit, and ask for that.",
            code="commit-changed",
        )
    if row.state not in _ASKABLE or (row.submission_id is not None and is_open(unit.session, row.submission_id)):
        raise FarmError(
            f"it is previewed at {row.commit[:12]} already: submission {row.submission_id}", code="already-previewed"
        )
    row.approved, row.state, row.retry_at = row.commit, ChangeState.DELAYED, None
    unit.session.add(row)
    unit.session.flush()
    return Change.of(row)


def remove_change(session: Session, change: Change) -> None:
    """Forget a change that is over."""
    session.exec(delete(GitChangeRow).where(_named(change.repository, change.name)))


def _named(repository: str, name: str) -> ColumnElement[bool]:
    return (col(GitChangeRow.repository) == repository) & (col(GitChangeRow.name) == name)
