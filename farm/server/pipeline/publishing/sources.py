"""The sources that are published with packages: every source file of the plan, and the recipe with its own files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.files.problems import RecipeError
from farm.core.names.digest import Digest
from farm.core.recipe.contents import RecipeContents
from farm.core.recipe.declared_sources import RECIPE_FILE
from farm.server.jobs.planning import plan_of
from farm.server.recipes import recipes

if TYPE_CHECKING:
    from farm.server.tables.records import Package, RecipeRevision
    from farm.server.transaction.unit_of_work import UnitOfWork


def sources_of(unit: UnitOfWork, package: Package, tested: Digest | None = None) -> list[Digest]:
    """Return the blobs of a package's sources that the farm has: all of them, for builds since the farm stores them.

    They include the blob whose digest is the recipe's, which names the other files of the recipe (`RecipeContents`);
    the toolchain's archive and lock, which the package's bill of materials names; and the recipe that was `tested`, if
    that is another.
    """
    plan = plan_of(unit, package.plan)
    found = [source.digest for source in plan.sources]
    found += _carried(unit, package)
    if toolchain := unit.inputs.toolchain_of(plan.toolchain):
        found += [toolchain.archive.digest, *([toolchain.lock] if toolchain.lock else [])]
    for recipe in dict.fromkeys((package.recipe, tested or package.recipe)):
        found += recipe_blobs(unit, recipe)
    return [digest for digest in dict.fromkeys(found) if unit.blobs.has(digest)]


def recipe_blobs(unit: UnitOfWork, recipe: Digest) -> list[Digest]:
    """Return the blobs of a recipe, the one that names the others first; empty if the recipe is not known."""
    revision = recipes.find_revision(unit.session, recipe)
    contents = _contents(unit, revision) if revision else None
    if contents is None:
        return []
    return [unit.blobs.put_bytes(contents.to_json()), contents.recipe, *contents.files.values()]


def _carried(unit: UnitOfWork, package: Package) -> list[Digest]:
    """Return the Debian sources that Debian's packages among the sources were built from."""
    revision = recipes.find_revision(unit.session, package.recipe)
    try:
        return [source.digest for source in unit.recipes.recipe(revision).carried] if revision else []
    except RecipeError:  # as below
        return []


def _contents(unit: UnitOfWork, revision: RecipeRevision) -> RecipeContents | None:
    """Return the contents of a recipe; None if the list of its files can no longer be determined."""
    files = unit.recipes.files(revision.files)
    beside = {name: content for name, content in files.items() if name != RECIPE_FILE}
    try:
        sources = unit.recipes.recipe(revision).sources
        named = {source.file for source in sources if not source.url and not source.debian_package}
    except RecipeError:  # the present steps do not know the recipe; most recipes name all files of their directory
        named = set(beside)
    recipe = Digest.of(files[RECIPE_FILE])
    contents = RecipeContents(recipe, {name: Digest.of(content) for name, content in beside.items() if name in named})
    return contents if contents.digest == revision.digest else None
