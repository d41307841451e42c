"""The hardening of a recorded package's files, and what its recipe waives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.files.problems import RecipeError
from farm.core.package.hardening import hardening_findings, producers_by_build_id
from farm.server.jobs import jobs
from farm.server.packages import packages
from farm.server.recipes import recipes

if TYPE_CHECKING:
    from farm.core.names.declared import HardeningWaiver
    from farm.core.package.hardening import HardeningFinding
    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import UnitOfWork


def hardening_of(unit: UnitOfWork, package: Package) -> tuple[HardeningFinding, ...]:
    """Return the hardening that a package's files lack, waived or not, and what cannot be judged."""
    together = packages.packages_of_plan(unit.session, package.plan)
    producers = producers_by_build_id(unit.packages.member(built).facts for built in together)
    return hardening_findings(unit.packages.member(package).facts, producers, _waivers(unit, package))


def _waivers(unit: UnitOfWork, package: Package) -> tuple[HardeningWaiver, ...]:
    """Return what the newest recipe that leads to a package's plan waives: a waiver needs no new build.

    A release names that recipe next to the one that the package was built from, for the checker to read.
    """
    plans = [package.plan, *packages.plans_of(unit.session, package.digest)]
    newest = jobs.newest_answered_of(unit.session, plans)
    built = recipes.find_revision(unit.session, package.recipe)
    revision = recipes.revision(unit.session, newest.revision_id) if newest and newest.revision_id else built
    try:
        return unit.recipes.recipe(revision).waivers if revision else ()
    except RecipeError:
        return ()  # the present steps do not support it any more: it can waive nothing
