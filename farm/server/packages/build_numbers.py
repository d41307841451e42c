"""Build numbers, which count the builds of one version and revision. Given to a plan once it is pinned, and read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import col, func, not_, select, update

from farm.core.names.digest import Digest
from farm.core.names.printed_version import FIRST_BUILD, LAST_BUILD
from farm.errors import FarmError
from farm.server.tables.job_rows import JobRow, PlanRow
from farm.server.tables.package_rows import PackageRow
from farm.server.tables.preview_rows import PreviewPackageRow
from farm.server.tables.reading import rows_with
from farm.server.tables.recipe_rows import RecipeRevisionRow
from farm.server.tables.states import ACTIVE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlmodel import Session

    from farm.core.plan.plan import Plan


def give_number(session: Session, plan: Plan, names: Collection[str]) -> int:
    """Give a plan that was never carried out the next number of its version and revision, and return it.

    `names` are its possible outputs. The number of a plan that never produced packages is given again. Builds of
    previews count: the farm may take them as they are, with the number that their provenance states. A plan that is
    being built, or that a preview has built, keeps its number. Raises `FarmError` (`too-many-builds`).
    """
    if _is_in_use(session, plan.digest):
        return number_of(session, plan.digest)
    number = max(_highest_built(session, plan, names), _highest_active(session, plan)) + 1
    if number > LAST_BUILD:
        raise FarmError(
            f"{plan.name} {plan.version}-{plan.revision} has no build number left after {LAST_BUILD}. "
            f"Raise the revision in the recipe {plan.name.short}, and submit it",
            code="too-many-builds",
        )
    session.exec(update(PlanRow).where(col(PlanRow.digest) == plan.digest).values(build=number))
    return number


def keep_number(session: Session, plan: Digest, number: int) -> None:
    """Record the build number of a plan that was carried out, as its provenance states it."""
    session.exec(update(PlanRow).where(col(PlanRow.digest) == plan).values(build=number))


def number_of(session: Session, plan: Digest) -> int:
    """Return the build number of a recorded plan."""
    return session.exec(select(PlanRow.build).where(PlanRow.digest == plan)).one()


def numbers_of(session: Session, plans: Iterable[Digest]) -> dict[Digest, int]:
    """Return the build number of each of these plans."""
    query = select(PlanRow.digest, PlanRow.build)
    return {Digest(digest): build for digest, build in rows_with(session, query, PlanRow.digest, plans)}


def _is_in_use(session: Session, plan: Digest) -> bool:
    """Return whether a plan, which the farm has no packages of, is being built, or was built for a preview."""
    built = select(PreviewPackageRow.digest).where(PreviewPackageRow.plan == plan).limit(1)
    active = select(JobRow.id).where(JobRow.subject == plan, col(JobRow.state).in_(ACTIVE)).limit(1)
    return session.exec(built).first() is not None or session.exec(active).first() is not None


def _highest_built(session: Session, plan: Plan, names: Collection[str]) -> int:
    highest = FIRST_BUILD - 1
    for row in (PackageRow, PreviewPackageRow):
        query = select(func.max(col(row.build))).where(
            col(row.name).in_(sorted(names)), col(row.version) == str(plan.version), col(row.revision) == plan.revision
        )
        highest = max(highest, session.exec(query).one() or 0)
    return highest


def _highest_active(session: Session, plan: Plan) -> int:
    """Return the highest number among plans of the same revision whose jobs are ready or running."""
    query = (
        select(func.max(PlanRow.build))
        .join(JobRow, col(JobRow.subject) == col(PlanRow.digest))
        .join(RecipeRevisionRow, col(RecipeRevisionRow.id) == col(JobRow.revision_id))
        .where(
            JobRow.name == plan.name.short,
            col(JobRow.state).in_(ACTIVE),
            not_(col(JobRow.rebuild)),
            col(PlanRow.digest) != plan.digest,
            RecipeRevisionRow.version == str(plan.version),
            RecipeRevisionRow.revision == plan.revision,
        )
    )
    return session.exec(query).one() or FIRST_BUILD - 1
