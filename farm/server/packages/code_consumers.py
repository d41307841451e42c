"""The libraries whose code packages may hold copies of: recorded once with a package, and looked up by library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from sqlmodel import col, select

from farm.core.names.digest import Digest
from farm.core.names.grouping import grouped
from farm.server.tables.package_rows import ConsumedRow, PackageRow
from farm.server.tables.recipe_rows import RecipeRow
from farm.server.tables.writing import add_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement
    from sqlmodel import Session

    from farm.core.plan.consumption import ConsumedKind, Consumption


@dataclass(frozen=True, slots=True)
class Copied:
    """The current packages of `recipe` may hold code of the package `library`, as it was in `tree`."""

    recipe: str
    library: str
    tree: Digest
    kind: ConsumedKind


def add_consumed(session: Session, package: Digest, consumed: Iterable[Consumption]) -> None:
    """Record the library files that a package's build opened. An honest rebuild opens the same: the first stays."""
    if session.exec(select(ConsumedRow).where(ConsumedRow.package == package).limit(1)).first() is not None:
        return
    opened = (
        ConsumedRow(package=package, library=consumption.library.short, kind=kind, tree=consumption.tree)
        for consumption in consumed
        for kind in consumption.kinds
    )
    add_rows(session, opened)


def kinds_of(session: Session, package: Digest) -> dict[str, list[str]]:
    """Return the kinds of files that a package's build opened, by the short name of the library."""
    query = select(ConsumedRow).where(ConsumedRow.package == package).order_by(ConsumedRow.library, ConsumedRow.kind)
    return grouped((row.library, row.kind) for row in session.exec(query))


def copied_from(session: Session, libraries: Iterable[str]) -> list[Copied]:
    """Return the copies of code of these libraries (short names) in the current packages of all recipes."""
    return _copied(session, col(ConsumedRow.library).in_(sorted(libraries)))


def copied_into(session: Session, recipe: str) -> list[Copied]:
    """Return the copies of others' code in the current packages of a recipe."""
    return _copied(session, col(RecipeRow.name) == recipe)


def _copied(session: Session, condition: ColumnElement[bool]) -> list[Copied]:
    query = (
        select(RecipeRow.name, ConsumedRow.library, ConsumedRow.tree, ConsumedRow.kind)
        # A later build with the same files was dropped: what that build opened is in these files.
        .join(PackageRow, col(PackageRow.plan) == col(RecipeRow.newest_plan))
        .join(ConsumedRow, col(ConsumedRow.package) == col(PackageRow.digest))
        .where(condition)
        .distinct()
    )
    found = [
        Copied(recipe, library, Digest(tree), cast("ConsumedKind", kind))
        for recipe, library, tree, kind in session.exec(query)
    ]
    return sorted(found, key=lambda copied: (copied.recipe, copied.library, copied.kind, copied.tree))
