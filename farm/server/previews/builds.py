"""The packages that were built for previews: written, read, and taken over by the farm once a preview is accepted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlmodel import col, delete, select

from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.plan.consumption import Consumption
from farm.server.packages.finished import add_finished
from farm.server.tables.job_rows import JobRow
from farm.server.tables.package_rows import PackageRow
from farm.server.tables.preview_rows import PreviewPackageRow
from farm.server.tables.reading import rows_with
from farm.server.tables.recipe_rows import RecipeRevisionRow, SubmissionRow
from farm.server.tables.records import Package
from farm.server.tables.states import LEASED, JobKind, SubmissionState
from farm.server.tables.writing import add_unless_stored

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session

    from farm.server.transaction.unit_of_work import UnitOfWork


def add_package(session: Session, preview: int, package: Package, consumed: Iterable[Consumption]) -> None:
    """Record a package of a preview, and the library files that its build opened."""
    opened = json.dumps([[str(found.library), found.tree, found.to_json_value()] for found in consumed])
    row = PreviewPackageRow(preview=preview, consumed=opened, **package.columns())
    add_unless_stored(session, row)


def packages_of_plan(session: Session, preview: int, plan: Digest) -> list[Package]:
    """Return the packages that a preview has of a plan, by name."""
    query = select(PreviewPackageRow).where(PreviewPackageRow.preview == preview, PreviewPackageRow.plan == plan)
    return Package.all(session, query.order_by(PreviewPackageRow.name))


def packages_of_tree(session: Session, preview: int, trees: Iterable[Digest]) -> dict[tuple[str, Digest], Package]:
    """Return packages of a preview by short name and tree digest; dropped ones are left out."""
    query = select(PreviewPackageRow).where(PreviewPackageRow.preview == preview, PreviewPackageRow.same_as == "")
    rows = rows_with(session, query, PreviewPackageRow.tree, trees)
    return {(row.name, Digest(row.tree)): Package.of(row) for row in rows}


def by_digest(session: Session, preview: int, digests: Iterable[Digest]) -> dict[Digest, Package]:
    """Return these packages of a preview, by the digest of their descriptor."""
    query = select(PreviewPackageRow).where(PreviewPackageRow.preview == preview)
    rows = rows_with(session, query, PreviewPackageRow.digest, digests)
    return {Digest(row.digest): Package.of(row) for row in rows}


def plans_of(session: Session, preview: int, package: Digest) -> list[Digest]:
    """Return the plans of a preview that led to the files of a package, and were dropped for it; the newest first."""
    query = select(PreviewPackageRow.plan).where(
        PreviewPackageRow.preview == preview, PreviewPackageRow.same_as == package
    )
    return [Digest(plan) for plan in session.exec(query.order_by(col(PreviewPackageRow.built_at).desc()))]


def packages_of_preview(session: Session, preview: int) -> list[Package]:
    """Return all packages of a preview."""
    return Package.all(session, select(PreviewPackageRow).where(PreviewPackageRow.preview == preview))


def take_over(unit: UnitOfWork, plan: Digest) -> list[int]:
    """Make the packages that an accepted preview has of a plan the farm's own, as they are.

    Returns the numbers of the attempts that built them; empty if no accepted preview has any.
    """
    query = (
        select(PreviewPackageRow)
        .join(SubmissionRow, col(SubmissionRow.id) == col(PreviewPackageRow.preview))
        .where(PreviewPackageRow.plan == plan, SubmissionRow.state == SubmissionState.TAKEN)
        .order_by(col(PreviewPackageRow.preview), PreviewPackageRow.name)
    )
    found = list(unit.session.exec(query))
    first = [row for row in found if row.preview == found[0].preview]  # of two that have it, one is enough
    for row in first:
        add_finished(unit, Package.of(row), _consumed(row.consumed))
    return sorted({row.attempt_id for row in first})


def blobs_of_preview_alone(session: Session, preview: int) -> set[Digest]:
    """Return the archives of a preview's packages that no package of the farm, and of no other preview, has too.

    Small documents of a build stay: jobs and attempts that are stored for good name them.
    """
    mine = select(PreviewPackageRow.archive).where(PreviewPackageRow.preview == preview)
    found = set(session.exec(mine))
    others = select(PreviewPackageRow.archive).where(PreviewPackageRow.preview != preview)
    of_others = rows_with(session, others, PreviewPackageRow.archive, found)
    of_farm = rows_with(session, select(PackageRow.archive), PackageRow.archive, found)
    return set(map(Digest, found.difference(of_others, of_farm)))


def is_built_elsewhere(session: Session, preview: int) -> bool:
    """Return whether a job that may make the same packages as a preview has, of the same recipes, is at work."""
    query = (
        select(JobRow.id)
        .join(RecipeRevisionRow, col(RecipeRevisionRow.name) == col(JobRow.name))
        .join(PreviewPackageRow, col(PreviewPackageRow.recipe) == col(RecipeRevisionRow.digest))
        .where(PreviewPackageRow.preview == preview, JobRow.kind == JobKind.BUILD, col(JobRow.state).in_(LEASED))
    )
    return session.exec(query.limit(1)).first() is not None


def remove(session: Session, preview: int) -> None:
    """Delete the packages of a preview."""
    session.exec(delete(PreviewPackageRow).where(col(PreviewPackageRow.preview) == preview))


def _consumed(text: str) -> list[Consumption]:
    return [
        Consumption.from_json_value(PackageName.parse(library), Digest(tree), value)
        for library, tree, value in json.loads(text)
    ]
