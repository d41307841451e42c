"""The recipes that a preview changes or builds again: written and read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import col, delete, select, update

from farm.server.tables.preview_rows import PreviewRecipeRow
from farm.server.tables.reading import rows_with
from farm.server.tables.recipe_rows import RecipeRow
from farm.server.tables.records import RecipeHead
from farm.server.tables.writing import add_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlmodel import Session

    from farm.core.names.digest import Digest


def add_submitted(session: Session, preview: int, revisions: Mapping[str, int], *, bases: Mapping[str, int]) -> None:
    """Let a preview see these revisions of recipes, which are not built yet; `bases` are the farm's current ones."""
    rows = (
        PreviewRecipeRow(preview=preview, name=name, current_id=revision, base_id=bases.get(name))
        for name, revision in revisions.items()
    )
    add_rows(session, rows)


def add_rebuilt(session: Session, preview: int, head: RecipeHead) -> None:
    """Let a preview build a recipe of the farm again, unless it does already."""
    if session.get(PreviewRecipeRow, (preview, head.name)) is not None:
        return
    row = PreviewRecipeRow(
        preview=preview,
        name=head.name,
        current_id=head.current,
        built_id=head.built,
        built_plan=head.built_plan,
        newest_plan=head.newest_plan,
        base_id=head.current,
    )
    add_rows(session, [row])


def heads(session: Session, preview: int, names: Iterable[str] | None = None) -> dict[str, RecipeHead]:
    """Return the state of a preview's recipes by name, or of those named that it has."""
    query = select(PreviewRecipeRow).where(PreviewRecipeRow.preview == preview).order_by(PreviewRecipeRow.name)
    rows = session.exec(query) if names is None else rows_with(session, query, PreviewRecipeRow.name, names)
    return {row.name: RecipeHead.of(row) for row in rows}


def mark_built(
    session: Session, preview: int, name: str, *, revision_id: int, plan: Digest, newest_plan: Digest
) -> None:
    """Record that a preview's revision of a recipe was built, as `recipes.mark_built` does for the farm."""
    session.exec(
        update(PreviewRecipeRow)
        .where(
            col(PreviewRecipeRow.preview) == preview,
            col(PreviewRecipeRow.name) == name,
            col(PreviewRecipeRow.current_id) == revision_id,
        )
        .values(built_id=revision_id, built_plan=plan, newest_plan=newest_plan)
    )


def changed_since(session: Session, preview: int) -> tuple[str, ...]:
    """Return the preview's recipes that have changed in the farm since it was made, to something else than in it."""
    query = (
        select(PreviewRecipeRow.name)
        .join(RecipeRow, col(RecipeRow.name) == col(PreviewRecipeRow.name), isouter=True)
        .where(
            PreviewRecipeRow.preview == preview,
            col(RecipeRow.current_id).is_distinct_from(col(PreviewRecipeRow.base_id)),
            col(RecipeRow.current_id).is_distinct_from(col(PreviewRecipeRow.current_id)),
        )
        .order_by(PreviewRecipeRow.name)
    )
    return tuple(session.exec(query))


def remove(session: Session, preview: int) -> None:
    """Delete the recipes of a preview."""
    session.exec(delete(PreviewRecipeRow).where(col(PreviewRecipeRow.preview) == preview))
