"""The farm's database: its schema, and rows with a value in each column."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from farm.core.names.digest import Digest
from farm.core.plan.trouble import Trouble
from farm.core.policy.gate_kind import GateKind
from farm.server.tables.columns import Enumerated
from farm.server.tables.pipeline_states import (
    CandidateOrigin,
    CandidateState,
    ChangeState,
    GateState,
    OrderEnding,
    OrderKind,
    RoundState,
    RunPurpose,
    RunState,
)
from farm.server.tables.schema import METADATA, migrate
from farm.server.tables.session import Database
from farm.server.tables.states import AttemptState, JobKind, JobState, Role, SubmissionState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def schema() -> dict[str, Any]:
    """Return every table: the type of each column, whether it is nullable, and its default."""
    return {table.name: _table(table) for table in METADATA.sorted_tables}


def _table(table: sa.Table) -> dict[str, Any]:
    checks = [str(check.sqltext) for check in table.constraints if isinstance(check, sa.CheckConstraint)]
    unique = [
        [column.name for column in constraint.columns]
        for constraint in table.constraints
        if isinstance(constraint, sa.UniqueConstraint)
    ]
    return {
        "columns": {column.name: _column(column) for column in table.columns},
        "key": [column.name for column in table.primary_key.columns],
        "checks": sorted(checks),
        "unique": sorted(unique),
        "refers": sorted([foreign_key.parent.name, foreign_key.target_fullname] for foreign_key in table.foreign_keys),
    }


def _column(column: sa.Column[Any]) -> list[Any]:
    default = column.default.arg if column.default is not None and column.default.is_scalar else None  # type: ignore[attr-defined]
    return [str(column.type), column.nullable, None if default is None else str(default), members_of(column)]


def revision(path: Path) -> str:
    """Return the schema version that a database records."""
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(version)


def load(sql: str, path: Path) -> None:
    """Make a database from a dump, whose rows obey no constraint."""
    with closing(sqlite3.connect(path)) as rows:
        rows.execute("PRAGMA foreign_keys = OFF")
        rows.execute("PRAGMA ignore_check_constraints = ON")
        rows.executescript(sql)


def migrated(path: Path) -> None:
    """Upgrade a database to the current schema."""
    with closing(Database(f"sqlite:///{path}")) as database:
        migrate(database)


def filled(path: Path) -> None:
    """Add rows that have a value in every column, one for each member of an enumeration, and one with nulls."""
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        for table in METADATA.sorted_tables:
            for number in range(_members(table)):
                connection.execute(table.insert().values(_full(table, number)))
    engine.dispose()


def _members(table: sa.Table) -> int:
    return max(len(values) for values in ((), *(members_of(column) for column in table.columns))) or 1


def members_of(column: sa.Column[Any]) -> list[str]:
    """Return the values that a column accepts, where that is not any text."""
    if isinstance(column.type, Enumerated):
        return [member.value for member in column.type.members]
    said = (str(check.sqltext) for check in column.table.constraints if isinstance(check, sa.CheckConstraint))
    allowed = next((text for text in said if text.startswith(f"{column.name} IN (")), "")
    return re.findall("'([^']*)'", allowed)


def states() -> list[list[str]]:
    """Return the values of every enumeration whose members are in rows."""
    kinds = (
        JobKind,
        JobState,
        AttemptState,
        SubmissionState,
        Role,
        CandidateOrigin,
        CandidateState,
        ChangeState,
        GateState,
        RoundState,
        RunState,
        RunPurpose,
        OrderKind,
        OrderEnding,
        GateKind,
        Trouble,
    )
    return [[member.value for member in kind] for kind in kinds]


def _full(table: sa.Table, number: int) -> dict[str, Any]:
    return {column.name: _value(table, column, number) for column in table.columns}


def _value(table: sa.Table, column: sa.Column[Any], number: int) -> Any:
    kind = column.type
    if members := members_of(column):
        return members[number % len(members)]
    if issubclass(kind.python_type if not isinstance(kind, sa.types.TypeDecorator) else datetime, bool):
        return True
    if isinstance(kind, sa.types.TypeDecorator):
        return _WHEN + timedelta(minutes=number)
    if isinstance(kind, sa.Integer):
        return 1000 + number
    return f"{table.name} {column.name} {number}"


def rows(url: str, columns: Mapping[str, Sequence[str]] | None = None) -> dict[str, list[list[Any]]]:
    """Return all rows of these tables of a database, as the farm's types read them, with these columns; or all, sorted by name."""
    chosen = columns or {table.name: sorted(table.columns.keys()) for table in METADATA.sorted_tables}
    with closing(Database(url)) as opened, opened.connection() as connection:
        return {
            name: sorted(
                (
                    [_plain(getattr(row, column)) for column in known]
                    for row in connection.execute(METADATA.tables[name].select())
                ),
                key=repr,
            )
            for name, known in chosen.items()
        }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Digest):
        return str(value)
    return value if value is None or type(value) in (str, int, float, bool) else str(value)
