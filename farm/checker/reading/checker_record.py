"""The files of the checker's own records: a lost one is filled again from the releases."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class PublishedRecordError(FarmError):
    """A record of the checker cannot be stored: others could change it, or it cannot be read or filled."""

    code = "published-record"


@contextmanager
def opened_record(
    path: Path, tables: str, version: int, *, outdated: Sequence[str], what: str
) -> Iterator[sqlite3.Connection]:
    """Open an SQLite file for one transaction, with these `tables`.

    `outdated` are the statements for a file of an earlier version. `what` names its content in messages.
    Raises `PublishedRecordError`.
    """
    try:
        with closing(sqlite3.connect(path)) as database, database:
            database.executescript(tables)
            if database.execute("PRAGMA user_version").fetchone()[0] < version:
                for statement in outdated:
                    database.execute(statement)
                database.execute(f"PRAGMA user_version = {version}")
            yield database
    except sqlite3.Error as error:
        raise PublishedRecordError(
            f"the record of {what}, {path}, cannot be kept: {error}",
            remedy="See that there is room. A damaged file may be removed: it is filled again from the releases.",
        ) from error
