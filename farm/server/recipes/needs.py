"""The packages that revisions of recipes name: written and read, as the recipes that make them now.

A package may come to be made by another recipe, so recipes are found anew each time.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import delete
from sqlmodel import col, insert, select, update

from farm.core.plan.build_order import Needs
from farm.server.recipes import recipes
from farm.server.tables.reading import in_parts, rows_with
from farm.server.tables.recipe_rows import RecipeOutputRow, RecipeRevisionRow, RecipeRow, RevisionNeedRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import CTE
    from sqlmodel import Session


def keep_needs(session: Session, needs: Mapping[int, Needs]) -> None:
    """Store the packages that each of these revisions names, where these are not what is stored."""
    stored = packages_named(session, needs)
    wrong = {number for number in needs if needs[number] != stored[number]}
    for part in in_parts(number for number in wrong if stored[number].all):
        session.exec(delete(RevisionNeedRow).where(col(RevisionNeedRow.revision_id).in_(part)))
    rows = [
        {"revision_id": number, "package": name, "at_build": at_build}
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


def packages_named(session: Session, revisions: Iterable[int]) -> dict[int, Needs]:
    """Return the packages that each of these revisions names."""
    asked = list(revisions)
    found: dict[tuple[int, bool], set[str]] = defaultdict(set)
    query = select(RevisionNeedRow.revision_id, RevisionNeedRow.package, RevisionNeedRow.at_build)
    for number, name, at_build in rows_with(session, query, RevisionNeedRow.revision_id, asked):
        found[number, at_build].add(name)
    return {
        number: Needs(frozenset(found.get((number, True), ())), frozenset(found.get((number, False), ())))
        for number in asked
    }


@dataclass(frozen=True, slots=True)
class ResolvedNeeds:
    """The recipes that revisions name, by the packages that recipes make now; and the packages that none makes."""

    needs: Mapping[int, Needs]
    missing: Mapping[int, frozenset[str]]


def needs_of(session: Session, revisions: Iterable[int], made: Mapping[str, str] | None = None) -> ResolvedNeeds:
    """Return the recipes that each of these revisions names.

    `made` are packages that recipes make otherwise than the current ones: these recipes make no others.
    """
    named, made = packages_named(session, revisions), made or {}
    replaced = set(made.values())
    found = recipes.recipes_of(session, {name for needs in named.values() for name in needs.all} - made.keys())
    makers = {package: maker for package, maker in found.items() if maker not in replaced} | dict(made)
    return ResolvedNeeds(
        {number: Needs(_made_by(makers, needs.build), _made_by(makers, needs.run)) for number, needs in named.items()},
        {number: needs.all - makers.keys() for number, needs in named.items()},
    )


def _made_by(makers: Mapping[str, str], packages: Iterable[str]) -> frozenset[str]:
    return frozenset(makers[package] for package in packages if package in makers)


def built_against(session: Session, recipe: str) -> list[str]:
    """Return the names of the recipes whose current revision is built against this recipe's packages, sorted."""
    return sorted(session.exec(select(dependents([recipe]).c.dependent)))


def dependents(names: Iterable[str]) -> CTE:
    """Return which recipes (`dependent`) are built with these (`needed`), or with what requires these at run time.

    It is a table that the database computes from what the current revisions name; of a few hundred recipes at most.
    """
    found, at_build = _roots(names), col(RevisionNeedRow.at_build)
    found = found.union(_users(found).where(at_build.is_(False)))
    return cast("CTE", _users(found).where(at_build).distinct().cte("built_against"))


def all_users(names: Iterable[str]) -> CTE:
    """Return which recipes (`above`) reach these (`needed`) by any needs; these themselves are among them."""
    found = _roots(names)
    return cast("CTE", found.union(_users(found)))


def _roots(names: Iterable[str]) -> Any:
    name = col(RecipeRow.name)
    roots: Any = select(name.label("needed"), name.label("above")).where(name.in_(sorted(names)))
    return roots.cte("above", recursive=True)


def _users(found: Any) -> Any:
    """Return the recipes that name the packages of those found so far."""
    return (
        select(found.c.needed, col(RecipeRow.name).label("dependent"))
        .join(RecipeOutputRow, col(RecipeOutputRow.recipe) == found.c.above)
        .join(RevisionNeedRow, col(RevisionNeedRow.package) == col(RecipeOutputRow.package))
        .join(RecipeRow, col(RecipeRow.current_id) == col(RevisionNeedRow.revision_id))
    )
