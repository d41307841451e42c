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
from farm.server.jobs import jobs, waiting
from farm.server.jobs.code_copies import holders_of_old_code, holds_old_code
from farm.server.jobs.planning import plan_for, recipe_of, revision_of
from farm.server.jobs.rebuild_policy import files_of, is_rebuilt
from farm.server.packages import plans
from farm.server.packages.build_numbers import give_number
from farm.server.previews import builds, heads, previews
from farm.server.previews.build_scope import BuildScope
from farm.server.previews.reach import Reach, reach
from farm.server.recipes import recipes
from farm.server.recipes.needs import built_against, dependents
from farm.server.tables.job_rows import JobRow
from farm.server.tables.reading import in_parts
from farm.server.tables.recipe_rows import RecipeRow
from farm.server.tables.records import Job
from farm.server.tables.states import ENDED, HELD, JobKind, JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlmodel import Session

    from farm.core.plan.plan import Plan
    from farm.server.tables.records import RecipeHead
    from farm.server.transaction.unit_of_work import UnitOfWork

    Settle = Callable[[UnitOfWork, Job], bool]

_AT_ONCE = 500
"""Jobs that one transaction settles, while others wait to write."""
_BROKEN = (JobState.FAILED, JobState.CANCELLED, JobState.BLOCKED)


def settle_all(unit: UnitOfWork, start: Iterable[Job], *, settle: Settle | None = None) -> None:
    """Settle these jobs, and all that depend on them, until nothing changes; what is too much for once is marked.

    Needs a planning transaction. `settle_marked` goes on with what is marked; it may `settle` each in its own way.
    """
    open_ends = deque(job.id for job in start)
    queued = set(open_ends)
    for _ in range(_AT_ONCE):
        if not open_ends:
            return
        job = jobs.find_job(unit.session, open_ends.popleft())
        queued.discard(job.id)
        if job.to_settle:
            waiting.unmark(unit.session, job.id)
        # Nothing depends on a rebuild: its plan is built already.
        if job.kind is not JobKind.BUILD or job.rebuild:
            continue
        if job.state in HELD and not (settle or settle_one)(unit, job):
            continue
        settled = jobs.find_job(unit.session, job.id)
        new = [follower.id for follower in _followers(unit, settled) if follower.id not in queued]
        open_ends.extend(new)
        queued.update(new)
    waiting.mark_to_settle(unit.session, open_ends)


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
    return newest_builds(scope, [recipe]).get(recipe)


def newest_builds(scope: BuildScope, names: Iterable[str]) -> dict[str, Job | None]:
    """Return the newest builds, as `newest_build` does, of those of these recipes that exist, by name."""
    current = {name: head.current for name, head in scope.heads(names).items()}
    found = jobs.latest_of_revisions(scope.unit.session, current.values())
    if scope.preview:
        found |= jobs.latest_of_revisions(scope.unit.session, current.values(), preview=scope.preview)
    return {name: found.get(revision) for name, revision in current.items()}


def unbuildable(scope: BuildScope, names: Iterable[str]) -> list[str]:
    """Return those of these recipes whose current revision cannot be built without a person's help, by name."""
    newest = newest_builds(scope, names)
    return [name for name, build in newest.items() if build is None or build.state in _BROKEN]


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
    # What waits for a job goes on to wait while that is ready; what an earlier job has blocked waits again.
    states = (JobState.BLOCKED,) if job.state is JobState.READY else HELD
    found = jobs.waiting_for(unit.session, job.name, states, preview=preview)
    if job.subject is not None and job.state in ENDED:
        found += jobs.with_subject(unit.session, job.subject, (JobState.WAITING,), preview=preview)
    return [follower for follower in found if follower.id != job.id]


def settle_one(unit: UnitOfWork, job: Job) -> bool:
    """Move a waiting or blocked job to the state that it belongs in; return whether anything changed.

    As long as one of the recipes that it was found to wait for is unbuilt, it is not searched for others, unless the
    job is marked.
    """
    scope = BuildScope(unit, job.preview)
    known = waiting.awaited(unit.session, job.id)
    unbuilt = [name for name, head in scope.heads(known).items() if not head.is_built]
    if job.to_settle or not unbuilt:
        found = reach(scope, revision_of(unit, job).id)
        if found.unbuilt and found.unbuilt != frozenset(known):
            waiting.set_awaited(unit.session, job.id, found.unbuilt)
    else:
        found = Reach(frozenset(), frozenset(unbuilt))
    if broken := unbuildable(scope, found.unbuilt):
        if job.state is JobState.BLOCKED:
            return False
        message = f"{', '.join(broken)} could not be built"
        return jobs.move(unit.session, job, JobState.BLOCKED, now=unit.now, error_code="blocked", error=message)
    if was_blocked := job.state is JobState.BLOCKED:
        jobs.move(unit.session, job, JobState.WAITING, now=unit.now, error_code="", error="")
        job = jobs.find_job(unit.session, job.id)
    return (not found.unbuilt and plan_build(unit, job, found.built)) or was_blocked


def plan_build(unit: UnitOfWork, job: Job, needs: Iterable[str]) -> bool:
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
        return names.union(built_against(session, job.name))
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
    found = []
    for some in in_parts(needed):
        users = dependents(some)
        query = (
            select(users.c.needed, RecipeRow.name, RecipeRow.newest_plan, JobRow)
            .join(users, col(RecipeRow.name) == users.c.dependent)
            .join(JobRow, col(JobRow.id) == newest)
            .where(col(RecipeRow.newest_plan).is_not(None), col(JobRow.state) != JobState.SUCCEEDED)
            .order_by(users.c.needed, RecipeRow.name)
        )
        rows = session.exec(query, execution_options={"populate_existing": True})
        found += [OpenBuild(need, name, Digest(plan or ""), Job.of(job)) for need, name, plan, job in rows]
    return found
