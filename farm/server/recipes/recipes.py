"""Recipe revisions and the current state of each recipe: written and read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import col, delete, func, or_, select, update

from farm.core.names.digest import Digest
from farm.core.recipe.packages import made_packages
from farm.server.tables.reading import rows_with
from farm.server.tables.recipe_rows import RecipeNeedRow, RecipeOutputRow, RecipeRevisionRow, RecipeRow, SubmissionRow
from farm.server.tables.records import RecipeHead, RecipeRevision
from farm.server.tables.writing import add_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sqlmodel import Session

    from farm.core.recipe.recipe import Recipe


def find_revision(session: Session, digest: Digest) -> RecipeRevision | None:
    """Return the revision of this recipe digest, if it was ever submitted."""
    return RecipeRevision.first(session, select(RecipeRevisionRow).where(RecipeRevisionRow.digest == digest))


def revision(session: Session, revision_id: int) -> RecipeRevision:
    """Return a revision by its number, which must exist."""
    return RecipeRevision.of(session.get_one(RecipeRevisionRow, revision_id))


def add_revision(session: Session, recipe: Recipe, *, files: Digest, submission: int) -> RecipeRevision:
    """Record a revision that is new."""
    row = RecipeRevisionRow(
        digest=recipe.digest,
        name=recipe.name,
        version=str(recipe.version),
        revision=recipe.revision,
        summary=recipe.summary,
        license=recipe.license,
        toolchain=recipe.toolchain,
        files=files,
        submission_id=submission,
    )
    return RecipeRevision.added(session, row)


def set_submission(session: Session, revision_id: int, submission: int) -> RecipeRevision:
    """Record that a revision became current by another submission than the first that had it, and return it."""
    row = session.get_one(RecipeRevisionRow, revision_id)
    row.submission_id = submission
    session.flush()
    return RecipeRevision.of(row)


def make_current(session: Session, recipe: Recipe, *, revision_id: int, needs: Iterable[str]) -> None:
    """Make this revision the current one of its recipe, with its outputs and the recipes it needs."""
    head = session.get(RecipeRow, recipe.name)
    if head is None:
        session.add(RecipeRow(name=recipe.name, current_id=revision_id))
    else:
        head.current_id = revision_id
    session.flush()
    session.exec(delete(RecipeOutputRow).where(col(RecipeOutputRow.recipe) == recipe.name))
    session.exec(delete(RecipeNeedRow).where(col(RecipeNeedRow.recipe) == recipe.name))
    packages = made_packages(recipe)
    session.add_all(RecipeOutputRow(package=name, recipe=recipe.name) for name in sorted(packages))
    add_rows(session, (RecipeNeedRow(recipe=recipe.name, needs=name) for name in sorted(set(needs))))


def mark_built(
    session: Session, name: str, *, revision_id: int, plan: Digest, newest_plan: Digest, now: datetime
) -> None:
    """Record that this revision was built, unless another one is current meanwhile.

    The packages are those of `plan`; `newest_plan` was carried out last, and gave the same files if it is another plan.
    """
    session.exec(
        update(RecipeRow)
        .where(col(RecipeRow.name) == name, col(RecipeRow.current_id) == revision_id)
        .values(built_id=revision_id, built_plan=plan, newest_plan=newest_plan, built_at=now)
    )


def last_built(session: Session) -> datetime | None:
    """Return when anything was built last: while that is unchanged, so is the result of `current_packages`."""
    return session.exec(select(func.max(col(RecipeRow.built_at)))).one()


def head(session: Session, name: str) -> RecipeHead | None:
    """Return the state of a recipe by its name."""
    return RecipeHead.first(session, select(RecipeRow).where(RecipeRow.name == name))


def heads(session: Session, names: Iterable[str] | None = None) -> dict[str, RecipeHead]:
    """Return the state of all recipes, or of the existing ones among those named."""
    query = select(RecipeRow).order_by(RecipeRow.name)
    if names is not None:
        query = query.where(col(RecipeRow.name).in_(sorted(names)))
    return {row.name: RecipeHead.of(row) for row in session.exec(query)}


def current_digests(session: Session, names: Iterable[str]) -> dict[str, Digest]:
    """Return the digest of the current revision of the existing ones among these recipes."""
    query = select(RecipeRow.name, RecipeRevisionRow.digest).join(
        RecipeRevisionRow, col(RecipeRevisionRow.id) == col(RecipeRow.current_id)
    )
    return {name: Digest(digest) for name, digest in rows_with(session, query, RecipeRow.name, names)}


def unbuilt(session: Session, *, limit: int = 1000) -> list[RecipeHead]:
    """Return recipes whose current revision is not built, by name."""
    open_ends = or_(col(RecipeRow.built_id).is_(None), col(RecipeRow.built_id) != col(RecipeRow.current_id))
    query = select(RecipeRow).where(open_ends).order_by(RecipeRow.name).limit(limit)
    return RecipeHead.all(session, query)


def submitter(session: Session, submission: int) -> str:
    """Return the submitter of a submission."""
    return session.get_one(SubmissionRow, submission).submitted_by


def recipes_of(session: Session, packages: Iterable[str]) -> dict[str, str]:
    """Return the recipe that makes each of these packages; unknown ones are left out."""
    rows = rows_with(session, select(RecipeOutputRow), RecipeOutputRow.package, packages)
    return {row.package: row.recipe for row in rows}


def all_packages(session: Session) -> Mapping[str, str]:
    """Return each package name of the distribution with the recipe that makes it."""
    return {row.package: row.recipe for row in session.exec(select(RecipeOutputRow))}


def recipes_that_need(session: Session, recipe: str) -> list[str]:
    """Return the names of the recipes whose current revision is built against this recipe's packages, sorted."""
    return sorted(session.exec(select(RecipeNeedRow.recipe).where(RecipeNeedRow.needs == recipe)))
