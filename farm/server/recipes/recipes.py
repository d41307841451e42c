"""Recipe revisions and the current state of each recipe: written and read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import col, delete, func, insert, or_, select, update

from farm.core.names.digest import Digest
from farm.core.names.grouping import grouped
from farm.core.recipe.packages import made_packages
from farm.server.tables.job_rows import JobRow
from farm.server.tables.preview_rows import PreviewRecipeRow
from farm.server.tables.reading import in_parts, rows_with
from farm.server.tables.recipe_rows import RecipeOutputRow, RecipeRevisionRow, RecipeRow, SubmissionRow
from farm.server.tables.records import RecipeHead, RecipeRevision
from farm.server.tables.states import ENDED
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


def find_revisions(session: Session, digests: Iterable[Digest]) -> dict[Digest, RecipeRevision]:
    """Return the revisions of those of these recipe digests that were ever submitted."""
    rows = rows_with(session, select(RecipeRevisionRow), RecipeRevisionRow.digest, digests)
    return {Digest(row.digest): RecipeRevision.of(row) for row in rows}


def without_needs(session: Session, *, limit: int, after: int = 0) -> list[RecipeRevision]:
    """Return revisions in use, by recipes, previews or open jobs, whose needs are known from an older schema alone."""
    number, opened = col(RecipeRevisionRow.id), col(JobRow.state).not_in(ENDED)
    used = or_(
        number.in_(select(RecipeRow.current_id)),
        number.in_(select(PreviewRecipeRow.current_id)),
        number.in_(select(JobRow.revision_id).where(opened, col(JobRow.revision_id).is_not(None))),
    )
    query = select(RecipeRevisionRow).where(col(RecipeRevisionRow.needs_kept).is_(False), used, number > after)
    return RecipeRevision.all(session, query.order_by(number).limit(limit))


def add_revisions(
    session: Session, new: Mapping[str, Recipe], *, files: Mapping[str, Digest], submission: int
) -> dict[Digest, RecipeRevision]:
    """Record revisions that are new, and return them by their recipes' digests."""
    rows = [
        {
            "digest": recipe.digest,
            "name": name,
            "version": str(recipe.version),
            "revision": recipe.revision,
            "summary": recipe.summary,
            "license": recipe.license,
            "toolchain": recipe.toolchain,
            "files": files[name],
            "submission_id": submission,
        }
        for name, recipe in sorted(new.items())
    ]
    if rows:
        session.exec(insert(RecipeRevisionRow), params=rows)
    return find_revisions(session, (recipe.digest for recipe in new.values()))


def set_submission(session: Session, revision_id: int, submission: int) -> RecipeRevision:
    """Record that a revision became current by another submission than the first that had it, and return it."""
    row = session.get_one(RecipeRevisionRow, revision_id)
    row.submission_id = submission
    session.flush()
    return RecipeRevision.of(row)


def make_current(session: Session, moved: Mapping[str, tuple[Recipe, int]]) -> None:
    """Make revisions (their numbers) the current ones of their recipes, with their outputs."""
    known = {row.name: row for row in rows_with(session, select(RecipeRow), RecipeRow.name, moved)}
    for name, (_, revision_id) in moved.items():
        if name in known:
            known[name].current_id = revision_id
    add_rows(session, (RecipeRow(name=name, current_id=moved[name][1]) for name in moved if name not in known))
    _keep_outputs(session, {package: name for name, (recipe, _) in moved.items() for package in made_packages(recipe)})


def _keep_outputs(session: Session, wanted: Mapping[str, str]) -> None:
    """Store which recipes make these packages, and that these recipes make no others."""
    query = select(RecipeOutputRow)
    rows = [*rows_with(session, query, RecipeOutputRow.package, wanted)]
    rows += rows_with(session, query, RecipeOutputRow.recipe, wanted.values())
    stored = {row.package: row.recipe for row in rows}
    for part in in_parts(package for package, name in stored.items() if wanted.get(package) != name):
        session.exec(delete(RecipeOutputRow).where(col(RecipeOutputRow.package).in_(part)))
    new = [package for package in sorted(wanted) if stored.get(package) != wanted[package]]
    if new:
        session.exec(insert(RecipeOutputRow), params=[{"package": name, "recipe": wanted[name]} for name in new])


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


def current_revisions(session: Session, names: Iterable[str]) -> dict[str, int]:
    """Return the current revision of the existing ones among these recipes."""
    return dict(rows_with(session, select(RecipeRow.name, RecipeRow.current_id), RecipeRow.name, names))


def heads(session: Session, names: Iterable[str] | None = None) -> dict[str, RecipeHead]:
    """Return the state of all recipes, or of the existing ones among those named."""
    query = select(RecipeRow).order_by(RecipeRow.name)
    rows = session.exec(query) if names is None else rows_with(session, query, RecipeRow.name, names)
    return {row.name: RecipeHead.of(row) for row in rows}


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
    query = select(RecipeOutputRow.package, RecipeOutputRow.recipe)
    return dict(rows_with(session, query, RecipeOutputRow.package, packages))


def packages_made(session: Session, names: Iterable[str]) -> dict[str, set[str]]:
    """Return the packages that each of these recipes makes; those that make none are left out."""
    query = select(RecipeOutputRow.recipe, RecipeOutputRow.package)
    rows = rows_with(session, query, RecipeOutputRow.recipe, names)
    return {name: set(packages) for name, packages in grouped(rows).items()}


def all_packages(session: Session) -> Mapping[str, str]:
    """Return each package name of the distribution with the recipe that makes it."""
    return dict(session.exec(select(RecipeOutputRow.package, RecipeOutputRow.recipe)).all())
