"""How the files of a recorded package are hardened, and what its recipe waives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.files.problems import RecipeError
from farm.core.package.hardening import hardening_findings, producers_by_build_id
from farm.server.jobs import jobs
from farm.server.packages import packages
from farm.server.recipes import recipes

if TYPE_CHECKING:
    from farm.core.names.hardening import HardeningWaiver
    from farm.core.package.hardening import HardeningFinding
    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import Desk


def hardening_of(desk: Desk, package: Package) -> tuple[HardeningFinding, ...]:
    """Return what the files of a package lack, waived or not, and what cannot be judged of them."""
    together = packages.packages_of_plan(desk.session, package.plan)
    producers = producers_by_build_id(desk.packages.member(each).facts for each in together)
    return hardening_findings(desk.packages.member(package).facts, producers, _waivers(desk, package))


def _waivers(desk: Desk, package: Package) -> tuple[HardeningWaiver, ...]:
    """Return what is waived by the newest recipe that comes to the plan of a package: nothing is built again to waive.

    That recipe stands in the release beside the one that the package was built from, for the checker to read.
    """
    plans = [package.plan, *packages.plans_of(desk.session, package.digest)]
    newest = jobs.newest_answered_of(desk.session, plans)
    built = recipes.find_revision(desk.session, package.recipe)
    revision = recipes.revision(desk.session, newest.revision_id) if newest and newest.revision_id else built
    try:
        return desk.shelf.recipe(revision).waivers if revision else ()
    except RecipeError:
        return ()  # the steps of today do not go with it any more: it can waive nothing
