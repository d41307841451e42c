"""Makes previews of what pull requests and branches change, and withdraws those that are over."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from farm.core.files.problems import RecipeError
from farm.errors import FarmError
from farm.server.git.changes import Change, changes_of, put_change, remove_change
from farm.server.git.recipe_changes import changed_recipes
from farm.server.git.recipe_commits import record_commits
from farm.server.git.statuses import show
from farm.server.git.verdicts import status_of
from farm.server.identities.access import Actor, audit
from farm.server.submissions import submissions
from farm.server.submissions.previewing import end_preview, submit_preview
from farm.server.tables.git_rows import ChangeState
from farm.server.tables.states import SubmissionState

if TYPE_CHECKING:
    from farm.server.git.repositories import GitRepository
    from farm.server.git.targets import Target
    from farm.server.transaction.unit_of_work import Application, UnitOfWork
    from farm.store.git.copy import GitCopy

_LATER = "preview-quota"
_NOTHING = "nothing-to-preview"


class ChangePreviews:
    """Previews of the changes of one repository, in its name and within its quota; links begin with `address`."""

    def __init__(self, application: Application, copy: GitCopy, repository: GitRepository, address: str) -> None:
        self._application = application
        self._copy = copy
        self._repository = repository
        self._address = address

    def renew(self, target: Target, known: Change | None, head: str) -> None:
        """Make a preview of a change, which is fetched, in place of the one of its earlier commit.

        Where none can be made, why is recorded, and shown by the forge.
        """
        if known is not None:
            self._withdraw(known, "a newer commit is there")
        try:
            self._preview(target, head)
        except FarmError as error:
            state, line = _outcome(error)
            self._end(state, target, line)

    def hold(self, target: Target, known: Change | None) -> None:
        """Let a change wait until somebody asks for its preview; that of an earlier commit is withdrawn."""
        if known is not None:
            self._withdraw(known, "a newer commit is there")
        ask = f"farm git preview {self._repository.name} {target.name.partition('/')[2]}"
        self._end(ChangeState.UNAPPROVED, target, f"waits for a maintainer of the farm: {ask}")

    def record_seen(self, target: Target) -> None:
        """Record a branch that was there before: only what is pushed to it from now on is previewed."""
        with self._application.writing() as unit:
            self._put(unit, target, ChangeState.SEEN)

    def close(self, change: Change, why: str) -> None:
        """Forget a change that is over, and withdraw its preview."""
        with self._application.planning() as unit:
            withdraw_preview(unit, self._repository, change, why)
            remove_change(unit.session, change)

    def _preview(self, target: Target, head: str) -> None:
        base = self._copy.merge_base(head, target.commit)
        if base is None:
            raise FarmError(f"it has no commit in common with {self._repository.branch}", code="git")
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

    def _withdraw(self, change: Change, why: str) -> None:
        with self._application.planning() as unit:
            withdraw_preview(unit, self._repository, change, why)

    def _end(self, state: ChangeState, target: Target, detail: str) -> None:
        """Record that there is no preview of the present commit, and why."""
        with self._application.writing() as unit:
            self._put(unit, target, state, detail=detail)

    def _put(
        self,
        unit: UnitOfWork,
        target: Target,
        state: ChangeState,
        *,
        submission: int | None = None,
        detail: str = "",
    ) -> None:
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
        )
        status = status_of(unit, changes_of(unit.session, name)[target.name], self._address)
        if status is not None:
            show(unit, name, status)


def _outcome(error: FarmError) -> tuple[ChangeState, str]:
    if error.code == _NOTHING:
        return ChangeState.EMPTY, "it changes no recipe of the farm"
    if error.code == _LATER:
        return ChangeState.DELAYED, f"waits: {error.message}"
    return ChangeState.REFUSED, first_problem(error)


def first_problem(error: FarmError) -> str:
    """Return the first problem of some recipes in a line, or another error."""
    if isinstance(error, RecipeError):
        return error.problems[0].in_a_line()
    return f"{error.place}: {error.message}" if error.place else error.message


def withdraw_preview(unit: UnitOfWork, repository: GitRepository, change: Change, why: str) -> None:
    """Withdraw the preview of a change, if it is open. Needs a planning transaction."""
    record = submissions.submission(unit.session, change.submission) if change.submission is not None else None
    if record is None or record.state is not SubmissionState.PREVIEW:
        return
    end_preview(unit, record.id, SubmissionState.WITHDRAWN, by=f"{repository.submitter}: {why}")
    audit(unit, Actor(repository.submitter), "withdraw-submission", f"submission {record.id}", why)
