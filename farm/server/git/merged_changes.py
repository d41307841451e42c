"""What was merged and waits for owners: compared with what is merged later, and submitted again when a preview ends."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.server.git import changes, repositories
from farm.server.git.change_previews import RETRY
from farm.server.git.recipe_commits import commits_of, record_commits
from farm.server.git.refusals import first_problem
from farm.server.git.statuses import show
from farm.server.git.verdicts import status_of
from farm.server.submissions import submissions
from farm.server.submissions.submission import submit
from farm.server.tables.states import SubmissionState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.names.digest import Digest
    from farm.server.git.changes import Change
    from farm.server.git.recipe_commits import RecipeCommit
    from farm.server.git.repositories import GitRepository
    from farm.server.submissions.submissions import SubmittedRecipe
    from farm.server.transaction.unit_of_work import Application, UnitOfWork

_LOG = logging.getLogger("farm.server.git")
_WAITS = (SubmissionState.WAITING, SubmissionState.PREVIEW)


@dataclass(frozen=True, slots=True)
class OpenMerge:
    """A submission of a repository that waits for owners: its recipes and their commits, by name."""

    number: int
    recipes: Mapping[str, SubmittedRecipe]
    commits: Mapping[str, RecipeCommit]

    def is_overtaken_by(self, newer: Mapping[str, Digest]) -> bool:
        """Return whether one of its recipes was merged again, with another content: accepting it would undo that."""
        return any(newer.get(name, recipe.digest) != recipe.digest for name, recipe in self.recipes.items())


def open_merges(unit: UnitOfWork, repository: GitRepository) -> list[OpenMerge]:
    """Return what was merged and waits for owners, oldest first; also where its preview has just expired."""
    numbers = {record.id for record in submissions.waiting_of(unit.session, repository.submitter)}
    numbers |= {change.submission or 0 for change in changes.merged_changes(unit.session, repository.name)}
    found, commits = submissions.submitted(unit.session, numbers), commits_of(unit.session, numbers)
    records = [submissions.submission(unit.session, number) for number in sorted(numbers)]
    return [
        OpenMerge(record.id, {recipe.name: recipe for recipe in found[record.id]}, commits.get(record.id, {}))
        for record in records
        if record is not None and record.state in (*_WAITS, SubmissionState.EXPIRED)
    ]


def renew_merged(application: Application, repository: GitRepository, head: str, *, address: str) -> None:
    """Submit again what was merged and whose preview has expired meanwhile; forget what is accepted or withdrawn.

    Only once the branch is submitted up to `head`: before that, something newer may be there.
    """
    with application.reading() as unit:
        present = repositories.find_repository(unit.session, repository.name)
        merged = changes.merged_changes(unit.session, repository.name)
        records = {change.name: submissions.submission(unit.session, change.submission or 0) for change in merged}
    for change in merged:
        record = records[change.name]
        if record is not None and record.state in _WAITS:
            continue
        if record is None or record.state is not SubmissionState.EXPIRED:
            _forget(application, change, address)
        elif present.head == head:
            _submit_again(application, repository, change)


def _forget(application: Application, change: Change, address: str) -> None:
    with application.writing() as unit:
        status = status_of(unit, change, address)
        if status is not None:
            show(unit, change.repository, status)
        changes.remove_change(unit.session, change)


def _submit_again(application: Application, repository: GitRepository, change: Change) -> None:
    """Submit the recipes of an expired preview; the change is that of the new submission from then on."""
    old = change.submission or 0
    with application.reading() as unit:
        if change.retry_at is not None and change.retry_at > unit.now:
            return
        kept, commits = submissions.submitted(unit.session, [old])[old], commits_of(unit.session, [old]).get(old, {})

    def record(unit: UnitOfWork, number: int) -> None:
        repositories.check_connected(unit, repository)
        record_commits(unit.session, number, repository.url, commits)
        changes.set_merged(unit, change, submission=number)

    try:
        files = {recipe.name: application.recipes.files(recipe.files) for recipe in kept}
        submit(application, files, submitted_by=repository.submitter, trace=uuid.uuid4().hex, record=record)
    except FarmError as error:
        _LOG.warning("submission %s of %s cannot be submitted again: %s", old, repository.name, error.message)
        with application.writing() as unit:
            why = f"its preview has expired, and it cannot be submitted again: {first_problem(error)}"
            changes.set_detail(unit, change, why, retry_at=unit.now + RETRY)
