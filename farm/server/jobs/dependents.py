"""The effects on other jobs when a recipe was submitted, or a build succeeded or failed.

`settle_all` may run at any time on any job: it depends on the current state only, never on past events. The jobs of a
preview are settled alike, by what the preview sees (`BuildScope`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import col, func, not_, select

from farm.core.names.digest import Digest
from farm.core.plan.outputs import output_names
from farm.errors import FarmError
from farm.server.jobs import jobs
from farm.server.jobs.code_copies import holders_of_old_code, holds_old_code
from farm.server.jobs.planning import plan_for, recipe_of, revision_of
from farm.server.jobs.rebuild_policy import files_of, is_rebuilt
from farm.server.packages import plans
from farm.server.packages.build_numbers import give_number
from farm.server.previews import builds, heads, previews
from farm.server.previews.build_scope import BuildScope
from farm.server.recipes import recipes
from farm.server.tables.job_rows import JobRow
from farm.server.tables.reading import rows_with
from farm.server.tables.recipe_rows import RecipeNeedRow, RecipeRow
from farm.server.tables.records import Job
from farm.server.tables.states import ENDED, JobKind, JobState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlmodel import Session

    from farm.core.plan.plan import Plan
    from farm.server.tables.records import RecipeHead
    from farm.server.transaction.unit_of_work import UnitOfWork

_UNSETTLED = (JobState.WAITING, JobState.BLOCKED)


def settle_all(unit: UnitOfWork, start: Iterable[Job]) -> None:
    """Settle these jobs, and all that depend on them, until nothing changes."""
    open_ends = deque(job.id for job in start)
    while open_ends:
        job = jobs.find_job(unit.session, open_ends.popleft())
        # Nothing depends on a rebuild: its plan is built already.
        if job.kind is not JobKind.BUILD or job.rebuild:
            continue
        if job.state in _UNSETTLED and not _settle(unit, job):
            continue
        open_ends.extend(follower.id for follower in _followers(unit, job))


def record_built(unit: UnitOfWork, job: Job, plan: Digest) -> list[Job]:
    """Record that a build job has succeeded, and return the rebuilds that the channel's policy asks for."""
    scope = BuildScope(unit, job.preview)
    revision = revision_of(unit, job).id
    before = scope.head(job.name)
    kept = scope.kept_plan(plan)
    scope.mark_built(job.name, revision_id=revision, plan=kept, newest_plan=plan)
    if before is None or before.current != revision or before.newest_plan == plan:
        return []
    # A library that it has copied code from may have been rebuilt meanwhile.
    names = {job.name} if holds_old_code(scope, job.name) else set()
    if (built := _built_before(scope, before)) is not None:
        names |= _to_rebuild(scope, job, built, kept)
    again = []
    for name in sorted(names):
        build = newest_build(scope, name)
        # An open build is made against the new packages anyway; in a preview, only one of its own.
        if build is not None and (build.state in ENDED or build.preview != job.preview):
            again.append(_repeat(scope, build, because=job))
    return again


def newest_build(scope: BuildScope, recipe: str) -> Job | None:
    """Return the newest build of the current revision of a recipe; in a preview the farm's, if it has no own."""
    head = scope.head(recipe)
    if head is None:
        return None
    own = jobs.latest_of_revision(scope.unit.session, head.current, preview=scope.preview)
    return own or jobs.latest_of_revision(scope.unit.session, head.current)


def _built_before(scope: BuildScope, before: RecipeHead) -> Digest | None:
    """Return the plan of the packages that a recipe had before; a preview's submitted recipe had those of the farm."""
    if before.built_plan is None and scope.preview:
        farms = recipes.head(scope.unit.session, before.name)
        return farms.built_plan if farms else None
    return before.built_plan


def _followers(unit: UnitOfWork, job: Job) -> list[Job]:
    """Return the jobs whose state may depend on this one: those that need its recipe, and twins with its plan.

    Those of any preview may depend on the farm's jobs, and on those of an accepted preview the farm's own may.
    """
    seen_by_all = not job.preview or previews.is_accepted(unit.session, job.preview)
    preview = None if seen_by_all else job.preview
    found = jobs.waiting_for(unit.session, job.name, _UNSETTLED, preview=preview)
    if job.subject is not None and job.state in ENDED:
        found += jobs.with_subject(unit.session, job.subject, (JobState.WAITING,), preview=preview)
    return [follower for follower in found if follower.id != job.id]


def _settle(unit: UnitOfWork, job: Job) -> bool:
    """Move one waiting or blocked job to the state that it belongs in; return whether anything changed."""
    scope = BuildScope(unit, job.preview)
    needs = jobs.needs_of(unit.session, job.id)
    unbuilt = [name for name, head in scope.heads(needs).items() if not head.is_built]
    broken = [name for name in unbuilt if _is_broken(scope, name)]
    if broken:
        if job.state is JobState.BLOCKED:
            return False
        message = f"{', '.join(broken)} could not be built"
        return jobs.move(unit.session, job, JobState.BLOCKED, now=unit.now, error_code="blocked", error=message)
    if job.state is JobState.BLOCKED:
        jobs.move(unit.session, job, JobState.WAITING, now=unit.now, error_code="", error="")
        return _settle(unit, jobs.find_job(unit.session, job.id)) or True
    return not unbuilt and plan_build(unit, job, needs)


def _is_broken(scope: BuildScope, name: str) -> bool:
    """Return whether the current revision of a recipe cannot be built without a person's help."""
    latest = newest_build(scope, name)
    return latest is None or latest.state in (JobState.FAILED, JobState.CANCELLED, JobState.BLOCKED)


def plan_build(unit: UnitOfWork, job: Job, needs: Sequence[str]) -> bool:
    """Plan a build whose `needs`, recipes, are built; return whether its state changed. Needs a planning transaction.

    Then the job is ready to be claimed, or done already, or it waits for a job with the same plan. The farm takes the
    builds of accepted previews as they are.
    """
    scope = BuildScope(unit, job.preview)
    try:
        plan = plan_for(scope, recipe_of(unit, job), needs)
    except FarmError as error:
        return jobs.move(unit.session, job, JobState.FAILED, now=unit.now, error_code=error.code, error=error.message)
    plans.keep_plan(unit.session, plan)
    jobs.set_subject(unit.session, job.id, plan.digest)
    if not job.preview and not scope.packages_of_plan(plan.digest):
        jobs.take_over(unit.session, builds.take_over(unit, plan.digest))
    if scope.packages_of_plan(plan.digest):
        return _answer(unit, job, plan)
    if jobs.has_active(unit.session, plan.digest, preview=job.preview):
        return False
    try:
        give_number(unit.session, plan, output_names(plan))
    except FarmError as error:
        return jobs.move(unit.session, job, JobState.FAILED, now=unit.now, error_code=error.code, error=error.message)
    return jobs.move(unit.session, job, JobState.READY, now=unit.now)


def _answer(unit: UnitOfWork, job: Job, plan: Plan) -> bool:
    """End a job whose plan was carried out before, by the earlier result."""
    earlier = [
        done
        for done in jobs.with_subject(unit.session, plan.digest, (JobState.SUCCEEDED,), preview=None)
        if done.preview in {0, job.preview}
    ]
    answered_by = earlier[0].id if earlier else None
    moved = jobs.move(unit.session, job, JobState.SUCCEEDED, now=unit.now, answered_by=answered_by)
    if moved:
        settle_all(unit, record_built(unit, job, plan.digest))
    return moved


def _to_rebuild(scope: BuildScope, job: Job, before: Digest, after: Digest) -> set[str]:
    """Return the recipes that the policy rebuilds because this recipe's packages have changed."""
    changed = files_of(scope, before) ^ files_of(scope, after)
    if not changed:
        return set()
    session = scope.unit.session
    # Under every policy: replacing a library does not replace its copies.
    names = holders_of_old_code(scope, {name for name, _ in changed})
    if is_rebuilt(scope, before, after):
        return names.union(recipes.recipes_that_need(session, job.name))
    # A build that failed after an earlier change may succeed with this one, whatever it changes.
    return names.union(build.dependent for build in open_builds(session, [job.name]))


def _repeat(scope: BuildScope, build: Job, *, because: Job) -> Job:
    session, preview = scope.unit.session, scope.preview
    if preview and (head := recipes.head(session, build.name)):
        heads.add_rebuilt(session, preview, head)
    return jobs.add_job(
        session,
        kind=JobKind.BUILD,
        name=build.name,
        revision_id=build.revision_id,
        submission=because.submission,
        needs=jobs.needs_of(session, build.id),
        trace=because.trace,
        now=scope.unit.now,
        preview=preview,
    )


@dataclass(frozen=True, slots=True)
class OpenBuild:
    """The newest build job of the recipe `dependent`, which needs the recipe `needed`, and has not succeeded.

    `built_plan` is the plan of its newest packages, or a later plan with the same files (`RecipeHead.newest_plan`).
    """

    needed: str
    dependent: str
    built_plan: Digest
    job: Job


def open_builds(session: Session, needed: Iterable[str]) -> list[OpenBuild]:
    """Return the open and failed builds of recipes that need one of these, by name, if they were ever built."""
    newest = (
        select(func.max(JobRow.id))
        .where(
            col(JobRow.revision_id) == col(RecipeRow.current_id),
            col(JobRow.kind) == JobKind.BUILD,
            not_(col(JobRow.rebuild)),
            JobRow.preview == 0,
        )
        .correlate(RecipeRow)
        .scalar_subquery()
    )
    query = (
        select(RecipeNeedRow.needs, RecipeRow.name, RecipeRow.newest_plan, JobRow)
        .join(RecipeRow, col(RecipeRow.name) == col(RecipeNeedRow.recipe))
        .join(JobRow, col(JobRow.id) == newest)
        .where(col(RecipeRow.newest_plan).is_not(None), col(JobRow.state) != JobState.SUCCEEDED)
    )
    found = [
        OpenBuild(need, name, Digest(plan or ""), Job.of(job))
        for need, name, plan, job in rows_with(session, query, RecipeNeedRow.needs, needed)
    ]
    return sorted(found, key=lambda build: (build.needed, build.dependent))
