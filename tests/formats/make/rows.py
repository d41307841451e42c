"""The schema of the farm's database, and rows with something in each column."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from farm.server.tables.schema import migrate
from farm.server.tables.session import Database
from tests.formats.reading import database

if TYPE_CHECKING:
    from pathlib import Path

    from tests.formats.make.__main__ import Output


def make(out: Output, folder: Path) -> None:
    """Write `rows.sql` and `database.json`."""
    path = folder / "rows.db"
    made = Database(f"sqlite:///{path}")
    migrate(made)
    made.close()
    database.filled(path)
    with closing(sqlite3.connect(path)) as rows:
        out.write("rows.sql", "\n".join(rows.iterdump()) + "\n")
    told = {
        "revision": database.revision(path),
        "schema": database.schema(),
        "rows": database.rows(path),
        "states": database.states(),
    }
    out.write("database.json", json.dumps(told, indent=1, sort_keys=True) + "\n")
