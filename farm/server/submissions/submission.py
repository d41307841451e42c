"""Submits recipes: checks them together, makes them current, and adds their jobs. All or nothing.

A submission that still needs an owner's signature is stored, and changes nothing else: see `pending_submissions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.server.channels import excuses
from farm.server.jobs import jobs
from farm.server.jobs.dependents import settle_all
from farm.server.jobs.planning import replan
from farm.server.recipes import recipes
from farm.server.submissions import submissions
from farm.server.submissions.owners import keep_signature, unsigned
from farm.server.submissions.recipe_graph import reach
from farm.server.submissions.recipe_intake import read_new
from farm.server.tables.states import ENDED, PENDING, JobKind, JobState, SubmissionState

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.core.lint.finding import LintFinding
    from farm.core.names.digest import Digest
    from farm.core.plan.graph import BuildGraph
    from farm.core.recipe.recipe import Recipe
    from farm.server.submissions.owners import Unsigned
    from farm.server.submissions.recipe_intake import ReadRecipes, RecipeFiles
    from farm.server.tables.records import Job, RecipeRevision
    from farm.server.transaction.unit_of_work import Application, UnitOfWork

    Recording = Callable[[UnitOfWork, int], None]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The result for one submitted recipe: its revision, and the job that builds it or has built it."""

    revision: RecipeRevision
    job: Job
    unchanged: bool


@dataclass(frozen=True, slots=True)
class Submission:
    """The result of a submission: its number, its trace, and the result for each recipe, in build order.

    While it `waits_for` owners, `accepted` is empty. `signed_by` is the signer, if that signature counts. `warnings`
    are about how the recipes are written.
    """

    id: int
    trace: str
    accepted: tuple[Accepted, ...]
    waits_for: tuple[Unsigned, ...] = ()
    signed_by: str = ""
    warnings: tuple[LintFinding, ...] = ()


def submit(
    application: Application,
    submitted: RecipeFiles,
    *,
    submitted_by: str,
    trace: str,
    envelope: bytes | None = None,
    record: Recording | None = None,
) -> Submission:
    """Accept recipes, each as the files of its directory by name, all together or none.

    Where recipes have owners, the submission waits until an owner has signed each of them; `envelope` holds the
    submitter's signature. `record` writes what belongs to the submission, in its transaction. Raises one `RecipeError`
    with the problems of all recipes, or then with the revisions that have to be raised, `FarmError` (`submitted-files`,
    `unowned-recipe`), `MissingDependencyError`, `DependencyCycleError`, `DuplicatePackageError`,
    `SubmissionStatementError` or `OwnershipTroubleError`; nothing has changed then.
    """
    read = read_new(application, submitted)
    with application.planning() as unit:
        graph = read.graph(unit)
        number = submissions.add_submission(unit.session, submitted_by=submitted_by, trace=trace, now=unit.now)
        submissions.add_submitted(unit.session, number, read.submitted())
        if record is not None:
            record(unit, number)
        wanted = {name: recipe.digest for name, recipe in read.recipes.items()}
        signed_by = keep_signature(unit, envelope, number, wanted) if envelope is not None else ""
        if waits_for := unsigned(unit, number, wanted):
            submissions.set_state(unit.session, number, SubmissionState.WAITING, now=unit.now)
            return Submission(number, trace, (), waits_for, signed_by, read.warnings)
        accepted = make_all_current(unit, graph, read, number=number, trace=trace)
        return Submission(number, trace, accepted, (), signed_by, read.warnings)


def make_all_current(
    unit: UnitOfWork, graph: BuildGraph, read: ReadRecipes, *, number: int, trace: str
) -> tuple[Accepted, ...]:
    """Make the recipes of a submission current, and add the jobs that they need."""
    order = [name for name in graph.order() if name in read.recipes]
    touched: list[Job] = []
    revisions: dict[str, RecipeRevision] = {}
    unchanged: set[str] = set()
    for name in order:
        recipe = read.recipes[name]
        revisions[name] = _revision(unit, recipe, read.files[name], number)
        job = _job_for(unit, graph, recipe, revisions[name], submission=number, trace=trace)
        if job is None:
            unchanged.add(name)
        else:
            touched.append(job)
    _renew_needs(unit, graph, order)
    settle_all(unit, touched)
    # The signer may have refused a package only because its recipe was not signed.
    made = {package for name in order for package in read.recipes[name].package_names}
    excuses.ask_signer_again(unit.session, now=unit.now, packages=made)
    return tuple(Accepted(revisions[name], _latest(unit, revisions[name]), name in unchanged) for name in order)


def _revision(unit: UnitOfWork, recipe: Recipe, files: Digest, number: int) -> RecipeRevision:
    """Return the revision of a recipe: new, or known, perhaps by a preview that was never accepted."""
    known = recipes.find_revision(unit.session, recipe.digest)
    if known is None:
        return recipes.add_revision(unit.session, recipe, files=files, submission=number)
    first = submissions.submission(unit.session, known.submission)
    if first is not None and first.state is not SubmissionState.TAKEN:
        return recipes.set_submission(unit.session, known.id, number)
    return known


def _job_for(
    unit: UnitOfWork, graph: BuildGraph, recipe: Recipe, revision: RecipeRevision, *, submission: int, trace: str
) -> Job | None:
    """Make a recipe current, and return the job that has to be settled; None if there is none."""
    head = recipes.head(unit.session, recipe.name)
    latest = jobs.latest_of_revision(unit.session, revision.id)
    if head is not None and head.current == revision.id and latest is not None:
        if latest.state not in ENDED:
            return latest
        # Newer builds of its dependencies are no reason to build it again; another toolchain or step is.
        if latest.state is JobState.SUCCEEDED and not replan(unit, recipe, latest):
            return None
    else:
        recipes.make_current(unit.session, recipe, revision_id=revision.id, needs=graph.needs[recipe.name])
        for old in jobs.pending_of_recipe(unit.session, recipe.name):
            jobs.supersede(unit.session, old, f"submission {submission}", now=unit.now)
        if latest is not None and latest.state not in (*ENDED, *PENDING):
            return latest  # running since before another revision came in between
    return add_build(unit, graph, recipe.name, revision, submission=submission, trace=trace)


def add_build(
    unit: UnitOfWork,
    graph: BuildGraph,
    name: str,
    revision: RecipeRevision,
    *,
    submission: int,
    trace: str,
    preview: bool = False,
) -> Job:
    """Add the job that builds a revision of a recipe, for the farm or for the `preview` that the submission is."""
    return jobs.add_job(
        unit.session,
        kind=JobKind.BUILD,
        name=name,
        revision_id=revision.id,
        submission=submission,
        needs=reach(graph, name),
        trace=trace,
        now=unit.now,
        preview=submission if preview else 0,
    )


def _renew_needs(unit: UnitOfWork, graph: BuildGraph, submitted: list[str]) -> None:
    """Add the needs of a submitted recipe to the jobs that wait for it."""
    for name in submitted:
        for job in jobs.waiting_for(unit.session, name, (JobState.WAITING, JobState.BLOCKED)):
            needs = set(jobs.needs_of(unit.session, job.id))
            jobs.set_needs(unit.session, job.id, needs | reach(graph, name))


def _latest(unit: UnitOfWork, revision: RecipeRevision) -> Job:
    job = jobs.latest_of_revision(unit.session, revision.id)
    if job is None:
        raise LookupError(f"recipe revision {revision.id} has no job")
    return job
