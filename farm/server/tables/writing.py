"""Writes rows: new ones, those that are not stored yet, and changes of which the caller wants to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import inspect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import UpdateBase
    from sqlmodel import Session

    from farm.server.tables.columns import Row


def add_rows(session: Session, rows: Iterable[Row]) -> None:
    """Write new rows at once, so that later ones may refer to them."""
    session.add_all(rows)
    session.flush()


def add_unless_stored(session: Session, row: Row) -> bool:
    """Write a row; False, and nothing has changed, if one with its primary key is stored."""
    if session.get(type(row), inspect(type(row)).primary_key_from_instance(row)) is not None:
        return False
    add_rows(session, [row])
    return True


def changes_rows(session: Session, statement: UpdateBase) -> bool:
    """Carry out an update or a deletion; return whether there was any row for it."""
    return bool(session.exec(statement).rowcount)
