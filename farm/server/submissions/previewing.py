"""Previews of submissions: asked for within a quota, ended, and removed.

A preview makes no recipe current. Its builds are seen by nothing else until `pending_submissions.accept` accepts it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from farm.api.submission_wire import LONGEST_ORIGIN
from farm.core.names.wording import counted
from farm.core.plan.build_order import named_packages
from farm.errors import FarmError
from farm.server.identities.access import Actor, audit
from farm.server.jobs import job_actions, jobs
from farm.server.jobs.planning import replan
from farm.server.previews import builds, heads, previews
from farm.server.recipes import recipes
from farm.server.recipes.needs import keep_needs
from farm.server.submissions import submissions
from farm.server.submissions.intake_progress import IntakeStep, Stage, unreported
from farm.server.submissions.recipe_intake import read_new
from farm.server.submissions.submission import Submission, settled
from farm.server.submissions.taking import Accepted, settle_new, store_revisions
from farm.server.tables.states import ENDED, PENDING, JobState, SubmissionState
from farm.server.transaction.text import truncate_text

if TYPE_CHECKING:
    from collections.abc import Collection

    from farm.core.names.digest import Digest
    from farm.core.recipe.recipe import Recipe
    from farm.server.submissions.intake_progress import Report
    from farm.server.submissions.recipe_graph import SubmittedGraph
    from farm.server.submissions.recipe_intake import ReadRecipes, RecipeFiles
    from farm.server.submissions.submission import Recording
    from farm.server.tables.records import Job
    from farm.server.transaction.unit_of_work import Application, UnitOfWork

_DAY = timedelta(days=1)


class PublishedPreviews(Protocol):
    """What is published of previews, for those that ask for one by its number."""

    def withdraw(self, number: int) -> None:
        """Remove the statement about a preview, if there is one: nobody can run it any more. May be slow."""

    def remove(self, archives: Collection[Digest]) -> None:
        """Remove those of these archives that are published."""


def submit_preview(
    application: Application,
    submitted: RecipeFiles,
    *,
    submitted_by: str,
    trace: str,
    origin: str = "",
    replaces: int | None = None,
    record: Recording | None = None,
    report: Report = unreported,
) -> Submission:
    """Build recipes, each as the files of its directory by name, apart from the farm's own, all together or none.

    `origin` is where the submitter read them. An open preview of the same submitter that it `replaces` is withdrawn.
    `record` and `report` are those of `submit`. Raises as `submit`, and `FarmError` (`preview-quota`,
    `nothing-to-preview`, `not-your-preview`); nothing has changed then.
    """
    read = read_new(application, submitted, report=report)
    report(IntakeStep(Stage.ADDING, 0, len(read.recipes)))
    with application.planning() as unit:  # one at a time: what counts for the quota cannot change before the commit
        if replaces is not None:
            _withdraw_replaced(unit, replaces, submitted_by)
        check_quota(unit, submitted_by)
        graph = read.graph(unit)
        number = submissions.add_submission(
            unit.session, submitted_by=submitted_by, trace=trace, now=unit.now, state=SubmissionState.PREVIEW
        )
        submissions.add_submitted(unit.session, number, read.submitted())
        previews.add_preview(
            unit.session,
            number,
            channel=unit.lease_policy.channel,
            origin=truncate_text(origin, longest=LONGEST_ORIGIN),
            expires_at=unit.now + unit.preview_policy.lasts,
        )
        if record is not None:
            record(unit, number)
        accepted = _build_all(unit, graph, read, number=number, trace=trace)
    return settled(application, Submission(number, trace, accepted, warnings=read.warnings), report=report)


def stale_recipes(unit: UnitOfWork, number: int) -> tuple[str, ...]:
    """Return the recipes of a preview that have changed in the farm since, by name: to build again, or submitted.

    A submitted recipe that the farm had already must still be the farm's.
    """
    changing = heads.heads(unit.session, number)
    same = {
        recipe.name: recipe.digest
        for recipe in submissions.submitted(unit.session, [number])[number]
        if recipe.name not in changing
    }
    current = recipes.current_digests(unit.session, same)
    moved = {name for name, digest in same.items() if current.get(name) != digest}
    return tuple(sorted(moved.union(heads.changed_since(unit.session, number))))


def check_may_build_again(unit: UnitOfWork, job: Job) -> None:
    """Check that a job of a preview may be retried. Raises `JobStateError`, `FarmError` (`preview-quota`)."""
    record = submissions.submission(unit.session, job.preview)
    if record is None or record.state is not SubmissionState.PREVIEW:
        state = record.state if record else SubmissionState.WITHDRAWN
        accepted = state is SubmissionState.TAKEN
        raise job_actions.JobStateError(
            f"job {job.id} is of preview {job.preview}, which is {'accepted' if accepted else state}",
            remedy=f"Retry the farm's own job of it: see `farm jobs --name {job.name}`."
            if accepted
            else "Submit it again: farm submit --preview.",
        )
    _check_minutes(unit, record.submitted_by)


def end_preview(unit: UnitOfWork, number: int, state: SubmissionState, *, by: str) -> None:
    """Withdraw a preview or let it expire, and cancel its jobs. Needs a planning transaction."""
    submissions.set_state(unit.session, number, state, now=unit.now)
    for job in jobs.of_preview(unit.session, number, [state for state in JobState if state not in ENDED]):
        if jobs.find_job(unit.session, job.id).state not in ENDED:  # one may have ended another
            job_actions.cancel(unit, job.id, by=by)


def close_accepted(unit: UnitOfWork, number: int) -> None:
    """End what no worker has begun of a preview that was accepted: the farm's own jobs do it, or find it done."""
    for job in jobs.of_preview(unit.session, number, PENDING):
        jobs.supersede(unit.session, job, f"the acceptance of submission {number}", now=unit.now)
    jobs.take_over_tests(unit.session, number)


def expire_previews(application: Application, published: PublishedPreviews | None = None) -> int:
    """End the previews whose time is over, and remove the builds of all that have ended; return how many ended.

    What was `published` of them goes too; None where nothing ever is.
    """
    with application.reading() as unit:
        late = [preview for preview in previews.open_previews(unit.session) if preview.expires_at <= unit.now]
        over = previews.to_remove(unit.session, before=unit.now)
    for preview in late:
        with application.planning() as unit:
            record = submissions.submission(unit.session, preview.number)
            if record is not None and record.state is SubmissionState.PREVIEW:
                end_preview(unit, preview.number, SubmissionState.EXPIRED, by="the farm: its preview has expired")
                audit(unit, Actor("control"), "expire-preview", f"submission {preview.number}")
                over.append(preview)
    for preview in over:
        remove_builds(application, preview.number, published)
    return len(late)


def remove_builds(application: Application, number: int, published: PublishedPreviews | None = None) -> None:
    """Remove the packages of a preview that has ended: their records, and those of their blobs that nothing else uses.

    May be interrupted at any time, and is then done again.
    """
    with application.reading() as unit:
        if not _may_be_removed(unit, number):
            return
    if published is not None:
        published.withdraw(number)  # the signer may be slow: nobody waits for it here
    with application.planning() as unit:
        if not _may_be_removed(unit, number) or builds.is_built_elsewhere(unit.session, number):
            return  # the same archive may have arrived, and not be recorded yet: next time
        # First the blobs: what is lost between the two is named by records that nothing reads any more.
        unused = builds.blobs_of_preview_alone(unit.session, number)
        if published is not None:
            published.remove(unused)
        for digest in unused:
            unit.blobs.delete(digest)
        builds.remove(unit.session, number)
        heads.remove(unit.session, number)
        previews.set_removed(unit.session, number, now=unit.now)


def _may_be_removed(unit: UnitOfWork, number: int) -> bool:
    """Return whether a preview is over and its builds are still stored. Workers may still build an accepted one."""
    over = {preview.number for preview in previews.to_remove(unit.session, before=unit.now)}
    unfinished = [state for state in JobState if state not in ENDED]
    return number in over and not jobs.of_preview(unit.session, number, unfinished)


def _withdraw_replaced(unit: UnitOfWork, number: int, submitted_by: str) -> None:
    record = submissions.submission(unit.session, number)
    if record is None or record.state is not SubmissionState.PREVIEW or record.submitted_by != submitted_by:
        raise FarmError(
            f"submission {number} is no open preview of yours",
            remedy="Name an open one, see `farm submission list --state preview`, or leave out --replace.",
            code="not-your-preview",
        )
    end_preview(unit, number, SubmissionState.WITHDRAWN, by=f"{submitted_by}: replaced by a newer preview")
    audit(unit, Actor(submitted_by), "withdraw-submission", f"submission {number}", "replaced by a newer preview")


def check_quota(unit: UnitOfWork, submitted_by: str) -> None:
    """Check that somebody may have another preview. Raises `FarmError` (`preview-quota`)."""
    policy = unit.preview_policy
    has = previews.count_open(unit.session, submitted_by)
    if has >= policy.most_open:
        raise FarmError(
            f"{submitted_by} has {counted(has, 'open preview')}, and the farm allows {policy.most_open}",
            remedy="Withdraw one with `farm submission withdraw NUMBER`, or replace it with `--replace NUMBER`.",
            code="preview-quota",
        )
    _check_minutes(unit, submitted_by)


def _check_minutes(unit: UnitOfWork, submitted_by: str) -> None:
    policy = unit.preview_policy
    since = unit.now - _DAY
    spent = int(previews.build_seconds(unit.session, submitted_by, since=since, now=unit.now) // 60)
    if spent >= policy.minutes_a_day:
        raise FarmError(
            f"builds for previews of {submitted_by} have taken {spent} minutes in the last day, and the farm allows "
            f"{policy.minutes_a_day}",
            remedy="Wait, or build with `farm build` on your own machine.",
            code="preview-quota",
        )


def _build_all(
    unit: UnitOfWork, graph: SubmittedGraph, read: ReadRecipes, *, number: int, trace: str
) -> tuple[Accepted, ...]:
    """Add the jobs of a preview for those recipes that differ from the farm's own."""
    session = unit.session
    revisions = store_revisions(unit, read, number)
    current = {name: head.current for name, head in recipes.heads(session, revisions).items()}
    same = {
        name: build
        for name in graph.order
        if current.get(name) == revisions[name].id
        and (build := _unchanged(unit, read.recipes[name], revisions[name].id)) is not None
    }
    changed = {name: revisions[name].id for name in graph.order if name not in same}
    if not changed:
        raise FarmError(
            "the farm has exactly these recipes already: there is nothing to preview",
            remedy="Change a recipe, or see its jobs with `farm jobs`.",
            code="nothing-to-preview",
        )
    keep_needs(session, {revision: named_packages(read.recipes[name]) for name, revision in changed.items()})
    heads.add_submitted(session, number, changed, bases=current)
    added = jobs.add_builds(session, changed, submission=number, trace=trace, now=unit.now, preview=number)
    settle_new(unit, added.values())
    new = jobs.find_jobs(session, added.values())
    return tuple(
        Accepted(revisions[name], same[name] if name in same else new[added[name]], unchanged=name in same)
        for name in graph.order
    )


def _unchanged(unit: UnitOfWork, recipe: Recipe, revision_id: int) -> Job | None:
    """Return the farm's own job of a current revision, unless another toolchain or step would build it anew."""
    latest = jobs.latest_of_revision(unit.session, revision_id)
    if latest is None or (latest.state is JobState.SUCCEEDED and replan(unit, recipe, latest)):
        return None
    return latest
