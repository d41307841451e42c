"""Makes previews of what pull requests and branches change, and withdraws those that are over."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.server.git import repositories
from farm.server.git.changes import Change, change_at, has_other_at, move_change, put_change, remove_change
from farm.server.git.recipe_changes import changed_recipes
from farm.server.git.recipe_commits import record_commits
from farm.server.git.refusals import UNRELATED, first_problem, is_refusal, may_pass_later
from farm.server.git.statuses import commit_status, preview_context, show
from farm.server.git.verdicts import status_of
from farm.server.git.withdrawing import withdraw_open
from farm.server.submissions.previewing import check_quota, submit_preview
from farm.server.tables.git_rows import ChangeState
from farm.store.git.program import GitError

if TYPE_CHECKING:
    from farm.server.git.repositories import GitRepository
    from farm.server.git.targets import Target
    from farm.server.transaction.unit_of_work import Application, UnitOfWork
    from farm.store.git.copy import GitCopy

RETRY = timedelta(minutes=5)
"""How long recipes that lack something of the farm's are left alone."""
RETRY_UNREADABLE = timedelta(minutes=15)
"""How long a commit is left alone that git cannot fetch or read."""
_LATER = "preview-quota"
_NOTHING = "nothing-to-preview"
_NEWER = "a newer commit is there"
_WAITS = (ChangeState.UNAPPROVED, ChangeState.DELAYED)


class ChangePreviews:
    """Previews of the changes of one repository, in its name and within its quota; links begin with `address`."""

    def __init__(self, application: Application, copy: GitCopy, repository: GitRepository, address: str) -> None:
        self._application = application
        self._copy = copy
        self._repository = repository
        self._address = address

    def renew(self, target: Target, known: Change | None, head: str) -> None:
        """Fetch a change, and make a preview of it in place of the one of its earlier commit.

        Where its recipes have errors, or git cannot read it, that is recorded, and shown by the forge. Raises
        `FarmError` for anything else.
        """
        self._withdraw(known, target)
        try:
            with self._application.reading() as unit:
                check_quota(unit, self._repository.submitter)  # before anything is fetched
            found = self._copy.fetch(self._repository.remote, {target.ref: target.commit})[target.ref]
            if found == target.commit:  # else it has moved meanwhile: next time
                self._preview(target, head)
        except FarmError as error:
            self._record_error(target, known, error)

    def hold(self, target: Target, known: Change | None) -> None:
        """Let a change wait until somebody asks for its preview; that of an earlier commit is withdrawn."""
        self._withdraw(known, target)
        ask = f"farm git preview {self._repository.name} {target.name.partition('/')[2]} --commit {target.commit}"
        self._end(ChangeState.UNAPPROVED, target, f"waits for a maintainer: {ask}")

    def record_seen(self, target: Target) -> None:
        """Record a branch that was there before: only what is pushed to it from now on is previewed."""
        with self._application.writing() as unit:
            self._put(unit, target, ChangeState.SEEN)

    def take_over(self, target: Target, known: Change | None, same: Change) -> None:
        """Let a target have what has come of another change at the same commit, which is no target any more."""
        with self._application.planning() as unit:
            repositories.check_connected(unit, self._repository)
            if known is not None:
                self._leave(unit, known, _NEWER)
                remove_change(unit.session, known)
            move_change(unit, same, target.name, author=target.author)

    def close(self, change: Change, why: str) -> None:
        """Forget a change that is over, and withdraw its preview."""
        with self._application.planning() as unit:
            self._leave(unit, change, why)
            remove_change(unit.session, change)

    def _preview(self, target: Target, head: str) -> None:
        base = self._copy.merge_base(head, target.commit)
        if base is None:
            raise FarmError(f"it has no commit in common with {self._repository.branch}", code=UNRELATED)
        changed = changed_recipes(self._application, self._copy, self._repository, base, target.commit)
        if not changed.recipes:
            raise FarmError("it changes no recipe", code=_NOTHING)

        def record(unit: UnitOfWork, number: int) -> None:
            record_commits(unit.session, number, self._repository.url, changed.commits)
            self._put(unit, target, ChangeState.PREVIEW, submission=number)

        submit_preview(
            self._application,
            changed.recipes,
            submitted_by=self._repository.submitter,
            trace=uuid.uuid4().hex,
            origin=f"{self._repository.name} {target.name} at {target.commit}",
            record=record,
        )

    def _record_error(self, target: Target, known: Change | None, error: FarmError) -> None:
        """Record why there is no preview of a commit. Raises the error where it is not about this commit."""
        if error.code == _NOTHING:
            self._end(ChangeState.EMPTY, target, "it changes no recipe of the farm")
        elif error.code == _LATER:
            why = f"waits: the previews of {self._repository.submitter} have used up their quota"
            if known is None or (known.state, known.commit, known.detail) != (ChangeState.DELAYED, target.commit, why):
                self._end(ChangeState.DELAYED, target, why)
        elif is_refusal(error):
            retry = RETRY if may_pass_later(error) else None
            self._end(ChangeState.REFUSED, target, first_problem(error), retry=retry)
        elif isinstance(error, GitError) and self._copy.is_sound():
            self._end(ChangeState.REFUSED, target, f"git: {error.message}", retry=RETRY_UNREADABLE)
        else:
            raise error

    def _withdraw(self, known: Change | None, target: Target) -> None:
        """Withdraw the preview of a change's earlier commit."""
        if known is not None and known.commit != target.commit:
            with self._application.planning() as unit:
                self._leave(unit, known, _NEWER)

    def _leave(self, unit: UnitOfWork, change: Change, why: str) -> None:
        """Withdraw the preview of a commit, and let the forge show what has become of it. Needs a planning unit."""
        repositories.check_connected(unit, self._repository)
        withdrawn = withdraw_open(unit, self._repository, change.submission, why)
        if has_other_at(unit.session, change):
            return  # which says what has come of this commit
        if withdrawn or change.state in _WAITS:
            line, page = f"no longer previewed: {why}", f"{self._address}/submissions"
            status = commit_status(change.commit, preview_context(change.repository), "error", line, page)
        elif (status_or_none := status_of(unit, change, self._address)) is not None:
            status = status_or_none
        else:
            return
        show(unit, change.repository, status)

    def _end(self, state: ChangeState, target: Target, detail: str, *, retry: timedelta | None = None) -> None:
        """Record that there is no preview of the present commit, and why."""
        with self._application.writing() as unit:
            self._put(unit, target, state, detail=detail, retry=retry)

    def _put(
        self,
        unit: UnitOfWork,
        target: Target,
        state: ChangeState,
        *,
        submission: int | None = None,
        detail: str = "",
        retry: timedelta | None = None,
    ) -> None:
        repositories.check_connected(unit, self._repository)
        name = self._repository.name
        put_change(
            unit,
            name,
            target.name,
            commit=target.commit,
            author=target.author,
            state=state,
            submission=submission,
            detail=detail,
            retry_at=unit.now + retry if retry else None,
        )
        change = change_at(unit.session, name, target.name)
        status = status_of(unit, change, self._address) if change is not None else None
        if status is not None:
            show(unit, name, status)
