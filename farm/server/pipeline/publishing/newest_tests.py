"""Whose newest tests a release has to name though nothing else changes of them: the signer goes by what is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.files.problems import RecipeError
from farm.core.sets.members.member import is_imported
from farm.server.recipes import recipes

if TYPE_CHECKING:
    from collections.abc import Collection

    from farm.core.names.digest import Digest
    from farm.core.sets.proof.trial import TrialSet
    from farm.server.pipeline.members.members import MemberCache
    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.trust.index.tree import IndexTree


def named_anew(
    unit: UnitOfWork, trial: TrialSet, tested: Collection[str], shelf: MemberCache, before: IndexTree
) -> set[str]:
    """Return the packages for which the release before names other tests than count, and which the signer looks at.

    `tested` are those whose tests ran for the set that is placed on `trial`. What is named otherwise was submitted
    since, or a rollback has named what was built from. The signer would also ask for older tests that need something
    which has moved: nobody has run these.
    """
    mains = {_recipe_of(unit, shelf, trial, name) for name in tested if not is_imported(name)}
    moved = trial.dependents(trial.placed) | trial.placed.keys()
    found = set()
    for name, member in trial.members.items():
        if member.foreign or not shelf.has_revised_tests(member.descriptor.plan):
            continue
        package = shelf.record(unit, member.descriptor.digest)
        entry = before.entry(name)
        if entry is None or entry.tested_by == shelf.tested_revision(unit, package).digest:
            continue
        if name in mains or not moved.isdisjoint(_needed_by(unit, package, entry.tested_by)):
            found.add(name)
    return found


def _recipe_of(unit: UnitOfWork, shelf: MemberCache, trial: TrialSet, name: str) -> str:
    return shelf.revision(unit, shelf.record(unit, trial.members[name].descriptor.digest)).name


def _needed_by(unit: UnitOfWork, package: Package, recipe: Digest) -> set[str]:
    """Return what the tests of a recipe need, where it tests a package of this name and can be read still."""
    revision = recipes.find_revision(unit.session, recipe)
    if revision is None or revision.name != package.name:
        return set()
    try:
        return {need for test in unit.shelf.recipe(revision).tests for need in test.needs}
    except RecipeError:
        return set()
