"""Submits recipes: checks them together, makes them current, and adds their jobs. All or nothing.

A submission that still needs an owner's signature is stored, and changes nothing else: see `pending_submissions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.files.problems import Problem, RecipeError
from farm.core.plan.pin import source_origins
from farm.core.recipe.declared_sources import RECIPE_FILE
from farm.core.recipe.distributions import check_known
from farm.errors import FarmError, Place
from farm.server.channels import excuses
from farm.server.jobs import jobs
from farm.server.jobs.dependents import settle_all
from farm.server.jobs.planning import replan
from farm.server.recipes import recipes
from farm.server.submissions import submissions
from farm.server.submissions.linting import lint_submitted
from farm.server.submissions.owners import keep_signature, unsigned
from farm.server.submissions.recipe_graph import graph_around, reach
from farm.server.submissions.released_revisions import check_revisions
from farm.server.submissions.submissions import SubmittedRecipe
from farm.server.tables.states import ENDED, PENDING, JobKind, JobState, SubmissionState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.lint.finding import LintFinding
    from farm.core.names.digest import Digest
    from farm.core.plan.graph import BuildGraph
    from farm.core.recipe.recipe import Recipe
    from farm.server.submissions.owners import Unsigned
    from farm.server.tables.records import Job, RecipeRevision
    from farm.server.transaction.unit_of_work import Application, UnitOfWork

    SubmittedRecipes = Mapping[str, Mapping[str, bytes]]


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
    submitted: SubmittedRecipes,
    *,
    submitted_by: str,
    trace: str,
    envelope: bytes | None = None,
) -> Submission:
    """Accept recipes, each as the files of its directory by name, all together or none.

    Where recipes have owners, the submission waits until an owner has signed each of them; `envelope` holds the
    submitter's signature. Raises one `RecipeError` with the problems of all recipes, or then with the revisions that
    have to be raised, `FarmError` (`submitted-files`, `unowned-recipe`), `MissingDependencyError`,
    `DependencyCycleError`, `DuplicatePackageError`, `SubmissionStatementError` or `OwnershipTroubleError`; nothing has
    changed then.
    """
    read = read_submitted(application, submitted)
    warnings = lint_submitted(read, submitted)
    files = {name: application.recipes.keep(submitted[name]) for name in read}
    with application.planning() as unit:
        graph = graph_around(unit, read)
        check_revisions(unit, read, {name: submitted[name][RECIPE_FILE] for name in read})
        number = submissions.add_submission(unit.session, submitted_by=submitted_by, trace=trace, now=unit.now)
        kept = [SubmittedRecipe(name=name, digest=read[name].digest, files=files[name]) for name in sorted(read)]
        submissions.add_submitted(unit.session, number, kept)
        wanted = {recipe.name: recipe.digest for recipe in kept}
        signed_by = keep_signature(unit, envelope, number, wanted) if envelope is not None else ""
        if waits_for := unsigned(unit, number, wanted):
            submissions.set_state(unit.session, number, SubmissionState.WAITING, now=unit.now)
            return Submission(number, trace, (), waits_for, signed_by, warnings)
        accepted = make_all_current(unit, graph, read, files, number=number, trace=trace)
        return Submission(number, trace, accepted, (), signed_by, warnings)


def make_all_current(
    unit: UnitOfWork,
    graph: BuildGraph,
    read: Mapping[str, Recipe],
    files: Mapping[str, Digest],
    *,
    number: int,
    trace: str,
) -> tuple[Accepted, ...]:
    """Make the recipes of a submission current, and add the jobs that they need."""
    order = [name for name in graph.order() if name in read]
    touched: list[Job] = []
    revisions: dict[str, RecipeRevision] = {}
    unchanged: set[str] = set()
    for name in order:
        recipe = read[name]
        revisions[name] = _revision(unit, recipe, files[name], number)
        job = _job_for(unit, graph, recipe, revisions[name], submission=number, trace=trace)
        if job is None:
            unchanged.add(name)
        else:
            touched.append(job)
    _renew_needs(unit, graph, order)
    settle_all(unit, touched)
    # The signer may have refused a package only because its recipe was not signed.
    made = {package for name in order for package in read[name].package_names}
    excuses.ask_signer_again(unit.session, now=unit.now, packages=made)
    return tuple(Accepted(revisions[name], _latest(unit, revisions[name]), name in unchanged) for name in order)


def read_submitted(application: Application, submitted: SubmittedRecipes) -> dict[str, Recipe]:
    """Read recipes, each from the files of its directory. Raises one `RecipeError` with the problems of all."""
    problems: list[Problem] = []
    read: dict[str, Recipe] = {}
    for name, files in sorted(submitted.items()):
        place = Place(f"packages/{name}/recipe.yaml")
        try:
            recipe = application.recipes.read(files, file=place.file)
            _check_inputs(application, recipe)
        except RecipeError as error:
            problems += error.problems
        except FarmError as error:
            problems.append(Problem(error.place or place, error.message, error.remedy))
        else:
            if recipe.name != name:
                problems.append(Problem(place, f"the recipe {recipe.name} was sent as {name}", "Name both alike."))
            read[recipe.name] = recipe
    if problems:
        raise RecipeError(problems)
    return read


def _check_inputs(application: Application, recipe: Recipe) -> None:
    """Check a recipe against this farm: its toolchains, their Debian packages, and the other distributions."""
    toolchain = application.inputs.toolchains.get(recipe.toolchain)
    if toolchain is None:
        known = ", ".join(sorted(application.inputs.toolchains))
        raise FarmError(
            f"this farm has no toolchain {recipe.toolchain!r}",
            remedy=f"It has: {known}." if known else "",
            code="unknown-toolchain",
        )
    source_origins(recipe, toolchain.debs)
    for need in recipe.requires:
        check_known(need, application.inputs.distributions)


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
    needs = reach(graph, recipe.name)
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
            reason = {"error_code": "superseded", "error": f"superseded by submission {submission}"}
            jobs.move(unit.session, old, JobState.CANCELLED, now=unit.now, **reason)
        if latest is not None and latest.state not in (*ENDED, *PENDING):
            return latest  # running since before another revision came in between
    return jobs.add_job(
        unit.session,
        kind=JobKind.BUILD,
        name=recipe.name,
        revision_id=revision.id,
        submission=submission,
        needs=needs,
        trace=trace,
        now=unit.now,
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
