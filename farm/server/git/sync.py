"""Reads connected repositories: what was merged is submitted, and what is open is previewed.

A webhook says only that something may have changed, and a timer says it too: what has changed is asked of the
repository and of the forge each time, so a webhook that is missed, repeated or forged changes nothing but the time.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.server.git import changes, repositories
from farm.server.git.change_previews import ChangePreviews
from farm.server.git.forge import ForgeApi
from farm.server.git.merges import submit_expired, submit_merged
from farm.server.git.targets import targets
from farm.server.tables.git_rows import ChangeState
from farm.store.git.copy import GitCopy
from farm.store.git.program import GitLimits
from farm.store.http.exchange import ExchangePolicy
from farm.store.locks import locked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from farm.server.git.changes import Change
    from farm.server.git.repositories import GitRepository
    from farm.server.git.targets import Target
    from farm.server.transaction.unit_of_work import Application

_LOG = logging.getLogger("farm.server.git")
_REPOSITORIES = 16


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """How repositories are read: their copies are below `directory`, links begin with `address`, `every` is a timer."""

    directory: Path
    address: str
    policy: ExchangePolicy = field(default_factory=ExchangePolicy)
    limits: GitLimits = field(default_factory=GitLimits)
    every: timedelta = timedelta(minutes=5)


def sync_next(application: Application, settings: SyncSettings) -> bool:
    """Read the repository that has been due for longest; return whether there was one. Several may run at once."""
    with application.reading() as unit:
        names = repositories.due(unit.session, now=unit.now, limit=_REPOSITORIES)
    return any(sync_repository(application, settings, name) for name in names)


def sync_repository(application: Application, settings: SyncSettings, name: str) -> bool:
    """Read a repository if it is due, and record what is wrong with it; return whether it was due."""
    with application.writing() as unit:
        reserved = repositories.reserve(unit, name)
    if reserved is None:
        return False
    try:
        with locked(settings.directory / f"{name}.lock"):
            _Sync(application, settings, reserved).run()
    except FarmError as error:
        _LOG.warning("the repository %s cannot be read: %s", name, error.message)
        with application.writing() as unit:
            repositories.set_trouble(unit, reserved, error.message)
        return True
    with application.writing() as unit:
        repositories.set_synced(unit, reserved, again=settings.every)
    return True


class _Sync:
    """One reading of a repository."""

    def __init__(self, application: Application, settings: SyncSettings, repository: GitRepository) -> None:
        self._application = application
        self._address = settings.address
        self._repository = repository
        self._forge = ForgeApi(repository, settings.policy)
        self._copy = GitCopy(settings.directory / f"{repository.name}.git", settings.policy.guard, settings.limits)
        self._previews = ChangePreviews(application, self._copy, repository, settings.address)

    def run(self) -> None:
        """Submit what was merged, and preview what is open."""
        if not self._repository.head:
            self._copy.remove()  # it may be of another repository, which had this name before
        # First the forge: what is merged between the two is on the branch then, and not taken for closed.
        pulls = self._forge.open_pull_requests()
        branches = self._copy.branches(self._repository.remote)
        head = self._fetch_head(branches)
        application, repository = self._application, self._repository
        wanted = targets(pulls, branches, repository.branch)
        if not repository.head:
            self._begin(wanted, head)
        elif repository.head != head:
            submit_merged(application, self._copy, repository, head, address=self._address)
        troubles = self._renew_all(wanted, head)
        submit_expired(application, repository)
        if troubles:
            raise troubles[0]

    def _begin(self, wanted: Sequence[Target], head: str) -> None:
        """Take what the repository has for known."""
        for target in wanted:
            if target.is_branch:
                self._previews.record_seen(target)
        with self._application.writing() as unit:
            repositories.set_head(unit.session, self._repository.name, head)

    def _fetch_head(self, branches: Mapping[str, str]) -> str:
        branch = self._repository.branch
        head, ref = branches.get(branch), f"refs/heads/{branch}"
        if head is None:
            raise FarmError(f"it has no branch {branch}", code="git")
        if self._copy.fetch(self._repository.remote, {ref: head})[ref] != head:
            raise FarmError(f"{branch} is being pushed to just now", code="git")
        return head

    def _renew_all(self, wanted: Sequence[Target], head: str) -> list[FarmError]:
        """Bring the previews to what is open now; return why some changes could not be fetched."""
        with self._application.reading() as unit:
            known = changes.changes_of(unit.session, self._repository.name)
        troubles: list[FarmError] = []
        for target in wanted:
            change = known.pop(target.name, None)
            if not _is_news(target, change):
                continue
            try:
                self._renew(target, change, head)
            except FarmError as error:
                troubles.append(error)
        for change in known.values():
            if self._is_over(change, head):
                why = "the pull request is closed" if change.is_pull_request else "the branch is gone"
                self._previews.close(change, why)
        return troubles

    def _renew(self, target: Target, change: Change | None, head: str) -> None:
        if not (target.is_member or (change is not None and change.approved == target.commit)):
            self._previews.hold(target, change)  # nothing of it is fetched
            return
        found = self._copy.fetch(self._repository.remote, {target.ref: target.commit})[target.ref]
        if found == target.commit:  # else it has moved meanwhile: next time
            self._previews.renew(target, change, head)

    def _is_over(self, change: Change, head: str) -> bool:
        """Return whether a change that is no longer open is over; one that was merged is, once its merge is here."""
        if change.state is ChangeState.MERGED:
            return False
        if not change.is_pull_request:
            return True
        merged = self._forge.pull_request(change.number).merged
        return not merged or (self._copy.has(merged) and self._copy.merge_base(merged, head) == merged)


def _is_news(target: Target, change: Change | None) -> bool:
    if change is None or change.commit != target.commit:
        return change is None or change.state is not ChangeState.MERGED
    return change.state is ChangeState.DELAYED or (change.state is ChangeState.UNAPPROVED and target.is_member)
