"""How the files of a recorded package are hardened, and what its recipe waives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.database import packages, recipes
from farm.package import hardening_findings, producers_by_build_id
from farm.recipe.errors import RecipeError

if TYPE_CHECKING:
    from farm.control.desk import Desk
    from farm.database.records import Package
    from farm.names import HardeningWaiver
    from farm.package import HardeningFinding


def hardening_of(desk: Desk, package: Package) -> tuple[HardeningFinding, ...]:
    """Return what the files of a package lack, waived or not, and what cannot be judged of them."""
    together = packages.packages_of_plan(desk.session, package.plan)
    producers = producers_by_build_id(desk.packages.member(each).facts for each in together)
    return hardening_findings(desk.packages.member(package).facts, producers, _waivers(desk, package))


def _waivers(desk: Desk, package: Package) -> tuple[HardeningWaiver, ...]:
    """Return what is waived by the newest recipe of this version and revision: to waive, nothing is built again."""
    built = recipes.find_revision(desk.session, package.recipe)
    if built is None:
        return ()
    head = recipes.head(desk.session, built.name)
    for revision in (recipes.revision(desk.session, head.current) if head else built, built):
        try:
            recipe = desk.shelf.recipe(revision)
        except RecipeError:
            continue  # the steps of today do not go with it any more: it can waive nothing
        if (str(recipe.version), recipe.revision) == (package.version, package.revision):
            return recipe.waivers
    return ()
