"""The schema of the farm's database, and rows with a value in each column."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from tests.formats.reading import database

if TYPE_CHECKING:
    from pathlib import Path

    from tests.formats.make.__main__ import Output


def make(out: Output, folder: Path) -> None:
    """Write `rows.sql` and `database.json` of the newest schema into a folder of its name; those of 1000 are above it."""
    path = folder / "rows.db"
    database.migrated(path)
    database.filled(path)
    with closing(sqlite3.connect(path)) as rows:
        statements = list(rows.iterdump())
    # Indexes come last; Alembic makes those of one table in any order.
    first = next(number for number, statement in enumerate(statements) if statement.startswith("CREATE INDEX"))
    statements[first:-1] = sorted(statements[first:-1])
    revision = database.revision(path)
    out.write(f"schema-{revision}/rows.sql", "\n".join(statements) + "\n")
    content = {
        "revision": revision,
        "schema": database.schema(),
        "rows": database.rows(f"sqlite:///{path}"),
        "states": database.states(),
    }
    out.write(f"schema-{revision}/database.json", json.dumps(content, indent=1, sort_keys=True) + "\n")
