"""Editing the database as an attacker with access to it does, and restoring the edited rows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.attack.farm import AttackedFarm

    Do: TypeAlias = "str | Callable[[AttackedFarm, Mapping[str, object]], None]"
    Rows: TypeAlias = "dict[str, dict[tuple[object, ...], tuple[object, ...]]]"


@dataclass(frozen=True)
class Edit:
    """What an attacker writes: SQL whose parameters are facts known of the farm, or a call for what SQL cannot do."""

    what: str
    do: Do


@dataclass(frozen=True)
class Feeds:
    """A column that a release is made from or decided by, with edits that would help an attacker."""

    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class Nothing:
    """A column that no release depends on, and the reason."""

    why: str


Column: TypeAlias = Feeds | Nothing


def execute(farm: AttackedFarm, sql: str, facts: Mapping[str, object]) -> int:
    """Execute statements; return how many rows they changed. An attacker switches the schema's constraints off."""
    changed = 0
    with closing(sqlite3.connect(farm.folder / "farm.db")) as database, database:
        database.execute("PRAGMA foreign_keys = OFF")
        database.execute("PRAGMA ignore_check_constraints = ON")
        for statement in filter(None, map(str.strip, sql.split(";\n"))):
            changed += max(database.execute(statement, facts).rowcount, 0)
    return changed


def carry_out(farm: AttackedFarm, edit: Edit, facts: Mapping[str, object]) -> None:
    """Carry out an edit. An edit that changes nothing proves nothing, and fails."""
    if isinstance(edit.do, str):
        assert execute(farm, edit.do, facts), f"nothing was edited: {edit.what}"
    else:
        edit.do(farm, facts)


def rows_of(folder: Path) -> Rows:
    """Return all rows of all tables, by their primary keys."""
    found: Rows = {}
    with closing(sqlite3.connect(folder / "farm.db")) as database:
        for table in _tables(database):
            keys = _keys(database, table)
            found[table] = {}
            for row in database.execute(f'SELECT * FROM "{table}"'):
                found[table][tuple(row[number] for number in keys)] = row
    return found


_BUILT_ON = ("recipe", "recipe_revision", "submission", "submitted_recipe")


_NUMBERED = ("change_counter", "event", "job_change", "tracked_state")
"""Tables whose numbers the farm has used since: to put one back would have it used twice."""


def put_back(folder: Path, before: Rows, edited: Rows) -> None:
    """Undo an edit in place: restore the rows that it changed or deleted, and delete the rows that it inserted.

    What the farm has written to other columns since stays. Recipes that the edit inserted stay too,
    because the farm has built them since.
    """
    with closing(sqlite3.connect(folder / "farm.db")) as database, database:
        database.execute("PRAGMA foreign_keys = OFF")
        database.execute("PRAGMA ignore_check_constraints = ON")
        for table, old in before.items():
            if table in _NUMBERED:
                continue
            keys, new, again = _keys(database, table), edited[table], []
            columns = [row[1] for row in database.execute(f'PRAGMA table_info("{table}")')]
            where = " AND ".join(f'"{columns[number]}" IS ?' for number in keys)
            touched = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
            for key in touched:
                now = database.execute(f'SELECT * FROM "{table}" WHERE {where}', key).fetchone()
                if key in old:
                    again.append(_without_lies(old[key], new.get(key), now))
                elif now != new[key] or table in _BUILT_ON:
                    continue  # the farm has reused the inserted row's number for a row of its own
                database.execute(f'DELETE FROM "{table}" WHERE {where}', key)
            for row in again:
                marks = ", ".join("?" * len(row))
                database.execute(f'INSERT OR REPLACE INTO "{table}" VALUES ({marks})', row)


def _without_lies(
    row: tuple[object, ...], lie: tuple[object, ...] | None, now: tuple[object, ...] | None
) -> tuple[object, ...]:
    """Return a row as it was, except for values written to columns that were not edited."""
    if lie is None or now is None:
        return row
    return tuple(was if said != was else at for was, said, at in zip(row, lie, now, strict=True))


def shifted(table: str, column: str) -> Edit:
    """Give every row the digest of the next row."""
    return Edit(f"each {column} of {table} is that of another row", lambda farm, _facts: _shift(farm, table, column))


def _shift(farm: AttackedFarm, table: str, column: str) -> None:
    with closing(sqlite3.connect(farm.folder / "farm.db")) as database, database:
        database.execute("PRAGMA foreign_keys = OFF")
        found = database.execute(f'SELECT rowid, "{column}" FROM "{table}" ORDER BY rowid').fetchall()
        rows = [(number, value) for number, value in found if str(value or "").startswith("sha256:")]
        values = [value for _, value in rows]
        for prefix in ("aside ", ""):  # the digests must be unique at each step, so write temporary ones first
            for (number, _), value in zip(rows, [*values[1:], *values[:1]], strict=True):
                query = f'UPDATE OR IGNORE "{table}" SET "{column}" = ? WHERE rowid = ?'
                database.execute(query, (prefix + value, number))


def digest_columns(folder: Path) -> list[tuple[str, str]]:
    """Return the columns whose rows hold different digests."""
    found = []
    with closing(sqlite3.connect(folder / "farm.db")) as database:
        for table in _tables(database):
            for row in database.execute(f'PRAGMA table_info("{table}")').fetchall():
                query = f'SELECT COUNT(DISTINCT "{row[1]}") FROM "{table}" WHERE "{row[1]}" LIKE \'sha256:%\''
                if database.execute(query).fetchone()[0] > 1:
                    found.append((table, row[1]))
    return found


def _tables(database: sqlite3.Connection) -> list[str]:
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name != 'alembic_version'"
    )
    return [name for (name,) in database.execute(query).fetchall()]


def _keys(database: sqlite3.Connection, table: str) -> list[int]:
    columns = database.execute(f'PRAGMA table_info("{table}")').fetchall()
    return [row[0] for row in columns if row[5]]
