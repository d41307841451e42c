"""Submits what was merged: a preview of the very same recipes is accepted, with its builds; the rest is submitted.

Nothing here decides about owners: where recipes have some, what is merged waits for their signatures as any submission
does, and the checker asks for these before a release is signed.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.server.git import changes, repositories
from farm.server.git.merged_changes import open_merges
from farm.server.git.recipe_changes import changed_recipes
from farm.server.git.recipe_commits import record_commits
from farm.server.git.refusals import REWRITTEN, first_problem, is_refusal, may_pass_later
from farm.server.git.statuses import commit_status, show, submission_context
from farm.server.git.withdrawing import withdraw_open
from farm.server.identities.access import Actor
from farm.server.recipes import recipes
from farm.server.submissions import submissions
from farm.server.submissions.owners import unsigned
from farm.server.submissions.pending_submissions import accept
from farm.server.submissions.recipe_intake import read_new
from farm.server.submissions.submission import submit
from farm.server.tables.git_rows import ChangeState
from farm.server.tables.states import SubmissionState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.core.names.digest import Digest
    from farm.server.git.changes import Change
    from farm.server.git.forge import StatusState
    from farm.server.git.merged_changes import OpenMerge
    from farm.server.git.recipe_commits import RecipeCommit
    from farm.server.git.repositories import GitRepository
    from farm.server.submissions.submissions import SubmittedRecipe
    from farm.server.transaction.unit_of_work import Application, UnitOfWork
    from farm.store.git.commits import CommitRecord
    from farm.store.git.copy import GitCopy


@dataclass(frozen=True, slots=True)
class Submitted:
    """What came of a merge: the submissions that were accepted, and those that wait for owners."""

    accepted: tuple[int, ...] = ()
    waiting: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Merged:
    """Recipes that were merged: their digests, their files, and their commits, by name."""

    digests: Mapping[str, Digest]
    files: Mapping[str, Mapping[str, bytes]]
    commits: Mapping[str, CommitRecord | RecipeCommit]

    def commits_of(self, names: Iterable[str]) -> dict[str, CommitRecord | RecipeCommit]:
        """Return the commits of some recipes, where they are known."""
        return {name: self.commits[name] for name in names if name in self.commits}


def submit_merged(
    application: Application, copy: GitCopy, repository: GitRepository, head: str, *, address: str
) -> None:
    """Submit what the branch has changed since the commit up to which it was submitted; `head` is fetched.

    What waits for owners and was overtaken by it is withdrawn. Recipes with errors leave everything as it is: the forge
    shows the first one, and a later commit mends them. May be interrupted at any time, and is then done again.
    Raises `FarmError` for what is not about the recipes: then it is not done.
    """
    if repository.refused == head and not repository.retries:
        return
    context = submission_context(repository.name)
    try:
        merged, overtaken = _merged(application, copy, repository, head)
        done = _submit(application, repository, merged, overtaken)
    except FarmError as error:
        if not is_refusal(error):
            raise
        with application.writing() as unit:
            repositories.set_refused(unit, repository, head, retries=may_pass_later(error))
            line, page = first_problem(error), f"{address}/submissions"
            show(unit, repository.name, commit_status(head, context, "failure", line, page))
        return
    with application.planning() as unit:
        repositories.set_head(unit, repository, head)
        for waiting in overtaken:
            withdraw_open(unit, repository, waiting.number, f"{repository.branch} has newer recipes: {head[:12]}")
            changes.remove_merged(unit.session, repository.name, waiting.number)
        numbers = (*done.accepted, *done.waiting)
        if numbers:
            state, line = _line(done)
            page = f"{address}/submissions/{numbers[-1]}"
            show(unit, repository.name, commit_status(head, context, state, line, page))


def _merged(
    application: Application, copy: GitCopy, repository: GitRepository, head: str
) -> tuple[Merged, list[OpenMerge]]:
    """Return the recipes to be submitted, and what waits for owners with older revisions of some of them.

    What else that has is among the recipes: it is submitted with the newer ones.
    """
    if not copy.has(repository.head):
        raise FarmError(
            f"{repository.branch} has no longer the commit {repository.head[:12]}, up to which it was submitted",
            remedy="Submit what differs with `farm submit`, disconnect the repository, and connect it again.",
            code=REWRITTEN,
        )
    changed = changed_recipes(application, copy, repository, repository.head, head)
    read = read_new(application, changed.recipes).recipes
    digests, files = {name: recipe.digest for name, recipe in read.items()}, dict(changed.recipes)
    commits: dict[str, CommitRecord | RecipeCommit] = dict(changed.commits)
    with application.reading() as unit:
        waiting = open_merges(unit, repository)
    overtaken = [merge for merge in waiting if merge.is_overtaken_by(digests)]
    kept = {name for merge in waiting if merge not in overtaken for name in merge.recipes}
    for merge in reversed(overtaken):  # the newest one counts
        for name, recipe in merge.recipes.items():
            if name not in digests and name not in kept:
                digests[name], files[name] = recipe.digest, application.recipes.files(recipe.files)
                commits |= {name: merge.commits[name]} if name in merge.commits else {}
    return Merged(digests, files, commits), overtaken


def _submit(
    application: Application, repository: GitRepository, merged: Merged, overtaken: list[OpenMerge]
) -> Submitted:
    with application.reading() as unit:
        current = recipes.current_digests(unit.session, merged.digests)
    wanted = {name: digest for name, digest in merged.digests.items() if current.get(name) != digest}
    accepted: list[int] = []
    waiting: list[int] = []
    gone = {merge.number for merge in overtaken}
    for change, kept in _previews_of(application, repository, wanted):
        if change.submission in gone:
            continue
        covered = _take_preview(application, repository, change, kept, merged)
        accepted += covered.accepted
        waiting += covered.waiting
        if covered != Submitted():
            wanted = {name: digest for name, digest in wanted.items() if name not in {recipe.name for recipe in kept}}
    if wanted:
        number, waits = _submit_rest(application, repository, merged, wanted)
        (waiting if waits else accepted).append(number)
    return Submitted(tuple(accepted), tuple(waiting))


def _previews_of(
    application: Application, repository: GitRepository, wanted: Mapping[str, Digest]
) -> list[tuple[Change, list[SubmittedRecipe]]]:
    """Return the changes with an open preview that has only recipes as they were merged, and these recipes."""
    with application.reading() as unit:
        open_ones = [
            change
            for change in changes.changes_of(unit.session, repository.name).values()
            if change.state in (ChangeState.PREVIEW, ChangeState.MERGED) and change.submission is not None
        ]
        kept = submissions.submitted(unit.session, [change.submission or 0 for change in open_ones])
        records = {change.name: submissions.submission(unit.session, change.submission or 0) for change in open_ones}
    return [
        (change, kept[record.id])
        for change in open_ones
        if (record := records[change.name]) is not None
        and record.state is SubmissionState.PREVIEW
        and kept[record.id]
        and all(wanted.get(recipe.name) == recipe.digest for recipe in kept[record.id])
    ]


def _take_preview(
    application: Application, repository: GitRepository, change: Change, kept: list[SubmittedRecipe], merged: Merged
) -> Submitted:
    """Accept a preview, or let it wait for owners; nothing if it cannot be accepted, and has to be submitted anew."""
    number = change.submission or 0
    with application.writing() as unit:
        repositories.check_connected(unit, repository)
        digests = {recipe.name: recipe.digest for recipe in kept}
        lacks = bool(unsigned(unit, number, digests))
        record_commits(unit.session, number, repository.url, merged.commits_of(digests))
        if lacks and change.state is not ChangeState.MERGED:
            changes.set_merged(unit, change)
    if lacks:
        return Submitted(waiting=(number,))
    try:
        accept(application, Actor(repository.submitter), number)
    except FarmError:
        return Submitted()
    return Submitted(accepted=(number,))


def _submit_rest(
    application: Application, repository: GitRepository, merged: Merged, wanted: Mapping[str, Digest]
) -> tuple[int, bool]:
    """Submit recipes, unless that was done before it was recorded; return the number, and whether it waits."""
    with application.reading() as unit:
        mine = submissions.waiting_of(unit.session, repository.submitter)
        kept = submissions.submitted(unit.session, [record.id for record in mine])
    for record in mine:
        if {recipe.name: recipe.digest for recipe in kept[record.id]} == dict(wanted):
            return record.id, True

    def record_of(unit: UnitOfWork, number: int) -> None:
        repositories.check_connected(unit, repository)
        record_commits(unit.session, number, repository.url, merged.commits_of(wanted))

    made = submit(
        application,
        {name: merged.files[name] for name in wanted},
        submitted_by=repository.submitter,
        trace=uuid.uuid4().hex,
        record=record_of,
    )
    return made.id, bool(made.waits_for)


def _line(done: Submitted) -> tuple[StatusState, str]:
    if not done.waiting:
        return "success", f"submission {', '.join(map(str, done.accepted))}: accepted"
    numbers = ", ".join(map(str, done.waiting))
    return "pending", f"submission {numbers} waits for owners: farm submission accept {done.waiting[-1]}"
