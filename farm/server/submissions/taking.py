"""Makes all recipes of a submission current at once, and adds their jobs: few statements, of many rows each.

Many new jobs are only marked to be settled: planning them takes longer, and may be interrupted (`settle_marked`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.plan.awaited import awaited_unbuilt
from farm.core.plan.build_order import named_packages
from farm.core.recipe.packages import made_packages
from farm.server.channels import excuses
from farm.server.jobs import jobs, waiting
from farm.server.jobs.dependents import settle_all, unbuildable
from farm.server.jobs.planning import replan
from farm.server.previews.build_scope import BuildScope
from farm.server.recipes import recipes
from farm.server.recipes.needs import keep_needs, packages_named
from farm.server.submissions import submissions
from farm.server.tables.states import ENDED, PENDING, JobState, SubmissionState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from farm.server.submissions.recipe_graph import SubmittedGraph
    from farm.server.submissions.recipe_intake import ReadRecipes
    from farm.server.tables.records import Job, RecipeHead, RecipeRevision
    from farm.server.transaction.unit_of_work import UnitOfWork


_SETTLED_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Accepted:
    """The result for one submitted recipe: its revision, and the job that builds it or has built it."""

    revision: RecipeRevision
    job: Job
    unchanged: bool


@dataclass(frozen=True, slots=True)
class _Known:
    """What the farm has of submitted recipes: their revisions, their heads before, and the newest builds of both."""

    revisions: Mapping[str, RecipeRevision]
    heads: Mapping[str, RecipeHead]
    builds: Mapping[int, Job]

    def is_current(self, name: str) -> bool:
        head = self.heads.get(name)
        return head is not None and head.current == self.revisions[name].id

    def build(self, name: str) -> Job | None:
        return self.builds.get(self.revisions[name].id)


def make_all_current(
    unit: UnitOfWork, graph: SubmittedGraph, read: ReadRecipes, *, number: int, trace: str
) -> tuple[Accepted, ...]:
    """Make the recipes of a submission current, and add the jobs that they need. Needs a planning transaction."""
    session = unit.session
    revisions = store_revisions(unit, read, number)
    builds = jobs.latest_of_revisions(session, [revision.id for revision in revisions.values()])
    known = _Known(revisions, recipes.heads(session, revisions), builds)
    moved = [name for name in graph.order if not known.is_current(name) or known.build(name) is None]
    waiting.mark_users(session, _shrunk(unit, read, known, moved))
    keep_needs(session, {revisions[name].id: named_packages(recipe) for name, recipe in read.recipes.items()})
    recipes.make_current(session, {name: (read.recipes[name], revisions[name].id) for name in moved})
    for old in jobs.pending_of_recipes(session, moved):
        jobs.supersede(session, old, f"submission {number}", now=unit.now)
    fates = {name: _fate(unit, read, known, name) for name in graph.order}
    wanted = [name for name, fate in fates.items() if fate is None]
    added = jobs.add_builds(
        session, {name: revisions[name].id for name in wanted}, submission=number, trace=trace, now=unit.now
    )
    awaited = _awaited(unit, graph, added)
    waiting.add_awaited(session, awaited)
    # What waits for builds that may succeed has nothing to be looked at.
    older = {name for names in awaited.values() for name in names} - added.keys()
    blocking = frozenset(unbuildable(BuildScope(unit), older))
    settled = {number for number, names in awaited.items() if names and not names & blocking}
    settle_new(unit, set(added.values()) - settled)
    waiting.mark_waiting_for(session, graph.order)
    # The signer may have refused a package only because its recipe was not signed.
    made = {package for name in graph.order for package in read.recipes[name].package_names}
    excuses.ask_signer_again(session, now=unit.now, packages=made)
    return _accepted(unit, known, fates, added)


def settle_new(unit: UnitOfWork, added: Collection[int]) -> None:
    """Settle new jobs; mark them where they are many, as others wait for this transaction to end."""
    if len(added) > _SETTLED_AT_ONCE:
        waiting.mark_to_settle(unit.session, added)
    else:
        settle_all(unit, jobs.find_jobs(unit.session, added).values())


def _shrunk(unit: UnitOfWork, read: ReadRecipes, known: _Known, moved: Iterable[str]) -> list[str]:
    """Return those recipes that need or make less from now on: what waits for them may wait for less."""
    before = {name: known.heads[name].current for name in moved if name in known.heads}
    named = packages_named(unit.session, before.values())
    made = recipes.packages_made(unit.session, before)
    return [
        name
        for name, revision in before.items()
        if named[revision].all - named_packages(read.recipes[name]).all
        or made.get(name, set()).difference(made_packages(read.recipes[name]))
    ]


def store_revisions(unit: UnitOfWork, read: ReadRecipes, number: int) -> dict[str, RecipeRevision]:
    """Return the revisions of submitted recipes: new, or known, perhaps by a preview that was never accepted."""
    found = recipes.find_revisions(unit.session, (recipe.digest for recipe in read.recipes.values()))
    firsts = submissions.submissions_of(unit.session, {revision.submission for revision in found.values()})
    for digest, revision in found.items():
        first = firsts.get(revision.submission)
        if first is not None and first.id != number and first.state is not SubmissionState.TAKEN:
            found[digest] = recipes.set_submission(unit.session, revision.id, number)
    new = {name: recipe for name, recipe in read.recipes.items() if recipe.digest not in found}
    found |= recipes.add_revisions(unit.session, new, files=read.files, submission=number)
    return {name: found[recipe.digest] for name, recipe in read.recipes.items()}


def _fate(unit: UnitOfWork, read: ReadRecipes, known: _Known, name: str) -> Accepted | None:
    """Return what a recipe comes to whose build is there already, or on its way; None if it has to be built."""
    build = known.build(name)
    if build is None:
        return None
    revision = known.revisions[name]
    if known.is_current(name):
        if build.state not in ENDED:
            return Accepted(revision, build, unchanged=False)
        # Newer builds of its dependencies are no reason to build it again; another toolchain or step is.
        if build.state is JobState.SUCCEEDED and not replan(unit, read.recipes[name], build):
            return Accepted(revision, build, unchanged=True)
        return None
    # Running since before another revision came in between.
    return None if build.state in (*ENDED, *PENDING) else Accepted(revision, build, unchanged=False)


def _awaited(unit: UnitOfWork, graph: SubmittedGraph, added: Mapping[str, int]) -> dict[int, frozenset[str]]:
    """Return the unbuilt recipes that each of these new jobs waits for, as `reach` finds them one by one."""
    built = {name for name, head in recipes.heads(unit.session, graph.around).items() if head.is_built}
    return {added[name]: names for name, names in awaited_unbuilt(added, graph.around, built).items()}


def _accepted(
    unit: UnitOfWork, known: _Known, fates: Mapping[str, Accepted | None], added: Mapping[str, int]
) -> tuple[Accepted, ...]:
    new = jobs.find_jobs(unit.session, added.values())
    return tuple(
        fate or Accepted(known.revisions[name], new[added[name]], unchanged=False) for name, fate in fates.items()
    )
