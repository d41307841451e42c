"""Recipes that need others and have an open or failed build: their packages are from an older build."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import col, func, not_, select

from farm.core.names.digest import Digest
from farm.server.tables.job_rows import JobRow
from farm.server.tables.reading import rows_with
from farm.server.tables.recipe_rows import RecipeNeedRow, RecipeRow
from farm.server.tables.records import Job
from farm.server.tables.states import JobKind, JobState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session


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
