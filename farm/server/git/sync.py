"""Reads connected repositories: what was merged is submitted, and what is open is previewed.

A webhook says only that something may have changed, and a timer says it too: what has changed is asked of the
repository and of the forge each time, so a webhook that is missed, repeated or forged changes nothing but the time.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.server.git import changes, repositories
from farm.server.git.change_previews import ChangePreviews
from farm.server.git.forge import ForgeApi, ForgeBusyError
from farm.server.git.merged_changes import renew_merged
from farm.server.git.merges import submit_merged
from farm.server.git.targets import branch_targets, targets
from farm.server.tables.git_rows import ChangeState
from farm.store.git.copy import MOST_BYTES, GitCopy
from farm.store.git.program import GitError, GitLimits
from farm.store.http.exchange import ExchangePolicy
from farm.store.locks import locked_if_free

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence, Set
    from pathlib import Path

    from farm.server.git.changes import Change
    from farm.server.git.forge import PullRequest
    from farm.server.git.repositories import GitRepository
    from farm.server.git.targets import Target
    from farm.server.transaction.unit_of_work import Application

_LOG = logging.getLogger("farm.server.git")
_REPOSITORIES = 16


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """How repositories are read: their copies are below `directory`, links begin with `address`, `every` is a timer.

    A copy that has more than `most_bytes` is made anew.
    """

    directory: Path
    address: str
    policy: ExchangePolicy = field(default_factory=ExchangePolicy)
    limits: GitLimits = field(default_factory=GitLimits)
    every: timedelta = timedelta(minutes=5)
    most_bytes: int = MOST_BYTES


def sync_next(application: Application, settings: SyncSettings) -> bool:
    """Read the repository that has been due for longest; return whether there was one. Several may run at once."""
    with application.reading() as unit:
        names = repositories.due(unit.session, now=unit.now, limit=_REPOSITORIES)
    return any(sync_repository(application, settings, name) for name in names)


def sync_repository(application: Application, settings: SyncSettings, name: str) -> bool:
    """Read a repository if it is due, and record what is wrong with it; return whether that was done.

    It stays due while somebody else reads it: nobody waits.
    """
    with locked_if_free(settings.directory / f"{name}.lock") as is_mine:
        if not is_mine:
            return False
        with application.writing() as unit:
            reserved = repositories.reserve(unit, name)
        if reserved is not None:
            _read(application, settings, reserved)
        return reserved is not None


def _read(application: Application, settings: SyncSettings, reserved: GitRepository) -> None:
    try:
        _sync(application, settings, reserved)
    except ForgeBusyError as error:
        with application.writing() as unit:
            repositories.pause(unit, reserved.name, unit.now + error.pause)
            repositories.set_waiting(unit, reserved, unit.now + error.pause, error.message)
    except FarmError as error:
        _LOG.warning("the repository %s cannot be read: %s", reserved.name, error.message)
        with application.writing() as unit:
            repositories.set_trouble(unit, reserved, error.in_a_line)
    except Exception as error:  # noqa: BLE001
        # Whatever it is: without a record of it, nobody would know, and it would be tried again after 30 minutes.
        _LOG.exception("the repository %s cannot be read", reserved.name)
        with application.writing() as unit:
            repositories.set_trouble(unit, reserved, f"{type(error).__name__}: {error}")
    else:
        with application.writing() as unit:
            repositories.set_synced(unit, reserved, again=settings.every)


def _sync(application: Application, settings: SyncSettings, repository: GitRepository) -> None:
    """Read a repository; where its copy turns out to be broken, that is made anew, once."""
    place, guard = settings.directory / f"{repository.name}.git", settings.policy.guard
    copy = GitCopy(place, guard, settings.limits, settings.most_bytes)
    try:
        _Sync(application, settings, repository, copy).run()
    except GitError as error:
        if copy.is_sound():
            raise
        _LOG.warning("the copy of %s is broken, and made anew: %s", repository.name, error.message)
        copy.remove()
        with application.reading() as unit:
            again = repositories.find_repository(unit.session, repository.name)
        _Sync(application, settings, again, copy).run()


class _Sync:
    """One reading of a repository."""

    def __init__(
        self, application: Application, settings: SyncSettings, repository: GitRepository, copy: GitCopy
    ) -> None:
        self._application = application
        self._address = settings.address
        self._repository = repository
        self._forge = ForgeApi(repository, settings.policy)
        self._copy = copy
        self._previews = ChangePreviews(application, copy, repository, settings.address)

    def run(self) -> None:
        """Submit what was merged, and preview what is open."""
        if not self._repository.head:
            self._copy.remove()  # it may be of another repository, which had this name before
        branches = self._copy.branches(self._repository.remote)
        head = self._fetch_head(branches)
        # First what was merged: it needs nothing of the forge's API.
        if not self._repository.head:
            self._begin(branches, head)
        elif self._repository.head != head:
            submit_merged(self._application, self._copy, self._repository, head, address=self._address)
        renew_merged(self._application, self._repository, head, address=self._address)
        troubles = self._renew_all(self._forge.open_pull_requests(), branches, head)
        if troubles:
            raise troubles[0]

    def _begin(self, branches: Mapping[str, str], head: str) -> None:
        """Take what the repository has for known."""
        for target in branch_targets(branches):
            if target.name != f"{changes.BRANCH}{self._repository.branch}":
                self._previews.record_seen(target)
        with self._application.writing() as unit:
            repositories.set_head(unit, self._repository, head)

    def _fetch_head(self, branches: Mapping[str, str]) -> str:
        branch = self._repository.branch
        head, ref = branches.get(branch), f"refs/heads/{branch}"
        if head is None:
            raise FarmError(
                f"it has no branch {branch}",
                remedy=f"Name one that it has: farm git set {self._repository.name} --branch BRANCH.",
                code="no-branch",
            )
        self._copy.fetch(self._repository.remote, {ref: head})
        if not self._copy.has(head):  # else the branch has moved on meanwhile: next time
            raise FarmError(f"{branch} is being rewritten just now", code="being-rewritten")
        return head

    def _renew_all(self, pulls: Sequence[PullRequest], branches: Mapping[str, str], head: str) -> list[FarmError]:
        """Bring the previews to what is open now; return what could not be done for some changes."""
        wanted = targets(pulls, branches, self._repository.branch)
        listed = {f"{changes.PULL}{pull.number}" for pull in pulls} | {f"{changes.BRANCH}{name}" for name in branches}
        self._take_over(wanted)
        known = self._known()
        merged = {change.commit for change in known.values() if change.state is ChangeState.MERGED}
        troubles: list[FarmError] = []
        for target in wanted:
            change = known.pop(target.name, None)
            with _collecting(troubles):
                if self._is_news(target, change) and target.commit not in merged:
                    self._renew(target, change, head)
        for change in known.values():
            with _collecting(troubles):
                if why := self._why_over(change, listed, head):
                    self._previews.close(change, why)
        return troubles

    def _take_over(self, wanted: Sequence[Target]) -> None:
        """Let targets have what is known of their commits by another name: a pull request that of its branch."""
        known = self._known()
        names = {target.name for target in wanted}
        others = {change.commit: change for change in known.values() if change.name not in names and _may_move(change)}
        for target in wanted:
            change, same = known.get(target.name), others.get(target.commit)
            if same is not None and (change is None or change.commit != target.commit):
                self._previews.take_over(target, change, same)

    def _known(self) -> dict[str, Change]:
        with self._application.reading() as unit:
            return changes.changes_of(unit.session, self._repository.name)

    def _renew(self, target: Target, change: Change | None, head: str) -> None:
        if target.is_member or (change is not None and change.approved == target.commit):
            self._previews.renew(target, change, head)
        else:
            self._previews.hold(target, change)  # nothing of it is fetched

    def _is_news(self, target: Target, change: Change | None) -> bool:
        if change is None or change.commit != target.commit or change.state is ChangeState.DELAYED:
            return True
        if change.state is ChangeState.REFUSED and change.retry_at is not None:
            with self._application.reading() as unit:
                return change.retry_at <= unit.now
        return change.state is ChangeState.UNAPPROVED and target.is_member

    def _why_over(self, change: Change, listed: Set[str], head: str) -> str:
        """Return why a change that is no target is over; empty if it is not: it may be missing from a list alone."""
        if change.state is ChangeState.MERGED or (change.state is ChangeState.SEEN and change.name in listed):
            return ""
        if change.name in listed:
            return "its commit is merged, or that of another change"
        return self._why_closed(change.number, head) if change.is_pull_request else "the branch is gone"

    def _why_closed(self, number: int, head: str) -> str:
        """Return why a pull request is over, as the forge says; empty if it is open, or its merge is not here yet."""
        pull = self._forge.pull_request(number)
        if pull is None:
            return "the pull request was deleted"
        if pull.branch != self._repository.branch:
            return f"the pull request is for {pull.branch}"
        is_here = not pull.merged or (
            self._copy.has(pull.merged) and self._copy.merge_base(pull.merged, head) == pull.merged
        )
        return "the pull request is closed" if is_here and not pull.is_open else ""


@contextmanager
def _collecting(troubles: list[FarmError]) -> Iterator[None]:
    """Go on with the next change where one fails, unless nothing more may be asked of the forge."""
    try:
        yield
    except ForgeBusyError:
        raise
    except FarmError as error:
        troubles.append(error)


def _may_move(change: Change) -> bool:
    return change.state not in (ChangeState.MERGED, ChangeState.SEEN)
