"""Opens the database, and the two kinds of transaction: one that reads, one that writes.

SQLite runs in WAL mode and begins every write with BEGIN IMMEDIATE: its busy timeout does not cover a transaction that
reads first and then writes.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlmodel import Session

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

_BUSY_SECONDS = 30
_PLANNING_LOCK = 0x6661726D  # "farm": any constant, as long as all processes use the same
_CHANGES_LOCK = 0x6661726E
_PREVIEWS_LOCK = 0x6661726F
_AT_END = "farm at end"


class Finisher(Protocol):
    """Ends a writing transaction: called with its session, before the commit."""

    def __call__(self, session: Session) -> None:
        """Write what is still to be written."""


class Database:
    """One database of the farm, by URL: `sqlite:////DIR/farm.db` or `postgresql+psycopg://…`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._reading = _engine(url)
        # The same pool; the option is read when a transaction begins.
        self._writing = self._reading.execution_options(farm_writes=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that sees one state of the database and changes nothing."""
        with Session(self._reading, autoflush=False) as session:
            yield session
            session.rollback()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that is committed at the end of the block, or rolled back when it raises."""
        with Session(self._writing) as session, session.begin():
            yield session
            for finish in session.info.pop(_AT_END, {}).values():
                finish(session)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection in a writing transaction, for migrations."""
        with self._writing.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all pooled connections."""
        self._reading.dispose()


def at_end(session: Session, key: str, make: Callable[[], Finisher]) -> Finisher:
    """Return the function that is called at the end of a writing transaction under this key, before it is committed.

    `make` makes it when there is none yet. It may lock what all transactions need, since nothing comes after it.
    """
    finishers: dict[str, Finisher] = session.info.setdefault(_AT_END, {})
    if key not in finishers:
        finishers[key] = make()
    return finishers[key]


def lock_changes(session: Session) -> None:
    """Let one transaction at a time number its changes, until it ends: numbers are in the order of commits."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CHANGES_LOCK})


def lock_preview_jobs(session: Session) -> None:
    """Let one transaction at a time claim a job of a preview, until it ends: submitters have few at work."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _PREVIEWS_LOCK})


def lock_planning(session: Session) -> None:
    """Let one transaction at a time decide what becomes ready, until it ends.

    Without it, two builds that end at the same time in PostgreSQL would each see the other as unfinished, and a job
    that needs both would wait forever. SQLite has one writer anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _PLANNING_LOCK})


def _engine(url: str) -> Engine:
    options: dict[str, Any] = {"pool_size": 20, "max_overflow": 30}
    if make_url(url).get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS}, **options)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(url, pool_pre_ping=True, **options)


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own
    # FULL: what was acknowledged survives a power cut, not only a crash.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("farm_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
