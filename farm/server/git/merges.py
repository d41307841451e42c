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
from farm.server.git.change_previews import first_problem
from farm.server.git.changes import put_change
from farm.server.git.recipe_changes import changed_recipes
from farm.server.git.recipe_commits import record_commits
from farm.server.git.statuses import SUBMISSION, commit_status, show
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
    from collections.abc import Mapping

    from farm.core.names.digest import Digest
    from farm.server.git.changes import Change
    from farm.server.git.forge import StatusState
    from farm.server.git.recipe_changes import ChangedRecipes
    from farm.server.git.repositories import GitRepository
    from farm.server.transaction.unit_of_work import Application, UnitOfWork
    from farm.store.git.copy import GitCopy


@dataclass(frozen=True, slots=True)
class Submitted:
    """What came of a merge: the submissions that were accepted, and those that wait for owners."""

    accepted: tuple[int, ...] = ()
    waiting: tuple[int, ...] = ()


def submit_merged(
    application: Application, copy: GitCopy, repository: GitRepository, head: str, *, address: str
) -> None:
    """Submit what the branch has changed since the commit up to which it was submitted; `head` is fetched.

    Recipes with errors leave everything as it is: the forge shows the first one, and a later commit mends them. May be
    interrupted at any time, and is then done again.
    """
    if repository.refused == head:
        return
    try:
        if not copy.has(repository.head):
            raise FarmError(
                f"{repository.branch} has no longer the commit {repository.head[:12]}, up to which it was submitted",
                remedy="Submit what differs with `farm submit`, disconnect the repository, and connect it again.",
                code="git",
            )
        changed = changed_recipes(application, copy, repository, repository.head, head)
        done = _submit(application, repository, changed)
    except FarmError as error:
        with application.writing() as unit:
            repositories.set_refused(unit.session, repository.name, head)
            status = commit_status(head, SUBMISSION, "failure", first_problem(error), f"{address}/submissions")
            show(unit, repository.name, status)
        return
    with application.writing() as unit:
        repositories.set_head(unit.session, repository.name, head)
        numbers = (*done.accepted, *done.waiting)
        if numbers:
            state, line = _line(done)
            status = commit_status(head, SUBMISSION, state, line, f"{address}/submissions/{numbers[-1]}")
            show(unit, repository.name, status)


def submit_expired(application: Application, repository: GitRepository) -> None:
    """Submit again what was merged, and whose preview has ended while it waited for owners."""
    with application.reading() as unit:
        merged = [
            change
            for change in changes.changes_of(unit.session, repository.name).values()
            if change.state is ChangeState.MERGED and change.submission is not None
        ]
        records = {change.name: submissions.submission(unit.session, change.submission or 0) for change in merged}
        kept = submissions.submitted(unit.session, [change.submission or 0 for change in merged])
    for change in merged:
        record = records[change.name]
        if record is not None and record.state is SubmissionState.PREVIEW:
            continue
        if record is not None and record.state is SubmissionState.EXPIRED:
            files = {recipe.name: application.recipes.files(recipe.files) for recipe in kept[record.id]}
            submit(application, files, submitted_by=repository.submitter, trace=uuid.uuid4().hex)
        with application.writing() as unit:
            changes.remove_change(unit.session, change)


def _submit(application: Application, repository: GitRepository, changed: ChangedRecipes) -> Submitted:
    read = read_new(application, changed.recipes).recipes
    with application.reading() as unit:
        current = recipes.current_digests(unit.session, read)
    wanted = {name: recipe.digest for name, recipe in read.items() if current.get(name) != recipe.digest}
    accepted: list[int] = []
    waiting: list[int] = []
    for change in _previews_of(application, repository, wanted):
        covered = _take_preview(application, repository, change, changed)
        accepted += covered.accepted
        waiting += covered.waiting
        if covered != Submitted():
            wanted = _without(application, wanted, change.submission)
    if wanted:
        number, waits = _submit_rest(application, repository, changed, wanted)
        (waiting if waits else accepted).append(number)
    return Submitted(tuple(accepted), tuple(waiting))


def _previews_of(application: Application, repository: GitRepository, wanted: Mapping[str, Digest]) -> list[Change]:
    """Return the changes with an open preview that has only recipes as they were merged."""
    with application.reading() as unit:
        open_ones = [
            change
            for change in changes.changes_of(unit.session, repository.name).values()
            if change.state in (ChangeState.PREVIEW, ChangeState.MERGED) and change.submission is not None
        ]
        kept = submissions.submitted(unit.session, [change.submission or 0 for change in open_ones])
        records = {change.name: submissions.submission(unit.session, change.submission or 0) for change in open_ones}
    return [
        change
        for change in open_ones
        if (record := records[change.name]) is not None
        and record.state is SubmissionState.PREVIEW
        and kept[record.id]
        and all(wanted.get(recipe.name) == recipe.digest for recipe in kept[record.id])
    ]


def _take_preview(
    application: Application, repository: GitRepository, change: Change, changed: ChangedRecipes
) -> Submitted:
    """Accept a preview, or let it wait for owners; nothing if it cannot be accepted, and has to be submitted anew."""
    number = change.submission or 0
    with application.writing() as unit:
        kept = submissions.submitted(unit.session, [number])[number]
        lacks = bool(unsigned(unit, number, {recipe.name: recipe.digest for recipe in kept}))
        record_commits(
            unit.session, number, repository.url, {recipe.name: changed.commits[recipe.name] for recipe in kept}
        )
        if lacks:
            _put_merged(unit, repository, change, number)
    if lacks:
        return Submitted(waiting=(number,))
    try:
        accept(application, Actor(repository.submitter), number)
    except FarmError:
        return Submitted()
    return Submitted(accepted=(number,))


def _put_merged(unit: UnitOfWork, repository: GitRepository, change: Change, number: int) -> None:
    put_change(
        unit,
        repository.name,
        change.name,
        commit=change.commit,
        author=change.author,
        state=ChangeState.MERGED,
        submission=number,
        detail="it is merged, and waits for owners",
    )


def _without(application: Application, wanted: Mapping[str, Digest], number: int | None) -> dict[str, Digest]:
    with application.reading() as unit:
        covered = {recipe.name for recipe in submissions.submitted(unit.session, [number or 0])[number or 0]}
    return {name: digest for name, digest in wanted.items() if name not in covered}


def _submit_rest(
    application: Application, repository: GitRepository, changed: ChangedRecipes, wanted: Mapping[str, Digest]
) -> tuple[int, bool]:
    """Submit recipes, unless that was done before it was recorded; return the number, and whether it waits."""
    with application.reading() as unit:
        waiting = submissions.list_submissions(unit.session, state=SubmissionState.WAITING)
        mine = [record for record in waiting if record.submitted_by == repository.submitter]
        kept = submissions.submitted(unit.session, [record.id for record in mine])
    for record in mine:
        if {recipe.name: recipe.digest for recipe in kept[record.id]} == dict(wanted):
            return record.id, True

    def record_of(unit: UnitOfWork, number: int) -> None:
        record_commits(unit.session, number, repository.url, {name: changed.commits[name] for name in wanted})

    made = submit(
        application,
        {name: changed.recipes[name] for name in wanted},
        submitted_by=repository.submitter,
        trace=uuid.uuid4().hex,
        record=record_of,
    )
    return made.id, bool(made.waits_for)


def _line(done: Submitted) -> tuple[StatusState, str]:
    if not done.waiting:
        return "success", f"submission {', '.join(map(str, done.accepted))}: accepted, and built"
    numbers = ", ".join(map(str, done.waiting))
    return "pending", f"submission {numbers} waits for owners: farm submission accept {done.waiting[-1]}"
