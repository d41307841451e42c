"""What the revisions of recipes name: written and read; and which recipes are built against the packages of another."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import delete
from sqlmodel import col, insert, select, update

from farm.core.plan.build_order import Needs
from farm.server.tables.reading import in_parts, rows_with
from farm.server.tables.recipe_rows import RecipeRevisionRow, RecipeRow, RevisionNeedRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import CTE
    from sqlmodel import Session


def keep_needs(session: Session, needs: Mapping[int, Needs]) -> None:
    """Store what each of these revisions names, where that is not what is stored."""
    stored = needs_of(session, needs)
    wrong = {number for number in needs if needs[number] != stored[number]}
    for part in in_parts(number for number in wrong if stored[number].all):
        session.exec(delete(RevisionNeedRow).where(col(RevisionNeedRow.revision_id).in_(part)))
    rows = [
        {"revision_id": number, "needs": name, "at_build": at_build}
        for number in sorted(wrong)
        for at_build, names in ((True, needs[number].build), (False, needs[number].run))
        for name in sorted(names)
    ]
    if rows:
        session.exec(insert(RevisionNeedRow), params=rows)
    unkept = col(RecipeRevisionRow.needs_kept).is_(False)
    for part in in_parts(needs):
        session.exec(
            update(RecipeRevisionRow).where(col(RecipeRevisionRow.id).in_(part), unkept).values(needs_kept=True)
        )


def needs_of(session: Session, revisions: Iterable[int]) -> dict[int, Needs]:
    """Return what each of these revisions names."""
    asked = list(revisions)
    found: dict[tuple[int, bool], set[str]] = defaultdict(set)
    query = select(RevisionNeedRow.revision_id, RevisionNeedRow.needs, RevisionNeedRow.at_build)
    for number, name, at_build in rows_with(session, query, RevisionNeedRow.revision_id, asked):
        found[number, at_build].add(name)
    return {
        number: Needs(frozenset(found.get((number, True), ())), frozenset(found.get((number, False), ())))
        for number in asked
    }


def built_against(session: Session, recipe: str) -> list[str]:
    """Return the names of the recipes whose current revision is built against this recipe's packages, sorted."""
    return sorted(session.exec(select(dependents([recipe]).c.dependent)))


def dependents(recipes: Iterable[str]) -> CTE:
    """Return which recipes (`dependent`) are built with these (`needed`), or with what requires these at run time.

    It is a table that the database computes from the needs of the current revisions; a few hundred `recipes` at most.
    """
    name = col(RecipeRow.name)
    roots: Any = select(name.label("needed"), name.label("above")).where(name.in_(sorted(recipes)))
    found = roots.cte("above", recursive=True)
    at_build = col(RevisionNeedRow.at_build)
    found = found.union(_users(found).where(at_build.is_(False)))
    return cast("CTE", _users(found).where(at_build).distinct().cte("built_against"))


def _users(found: Any) -> Any:
    """Return the recipes that name those found so far."""
    return (
        select(found.c.needed, col(RecipeRow.name).label("dependent"))
        .join(RevisionNeedRow, col(RevisionNeedRow.needs) == found.c.above)
        .join(RecipeRow, col(RecipeRow.current_id) == col(RevisionNeedRow.revision_id))
    )
