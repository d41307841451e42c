"""The fixtures that give a test a migrated database: SQLite always, PostgreSQL when its tests are selected."""

from __future__ import annotations

import functools
import secrets
import shutil
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg
import pytest

from farm.server.tables import session as sessions
from farm.server.tables.schema import migrate
from farm.server.tables.session import Database
from tests.servers import new_postgres_schema, private_postgres, program, schema_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Dialect, Engine

MIGRATED = "farm_migrated"
_FILE = "farm.db"
BOTH = [pytest.param("sqlite"), pytest.param("postgres", marks=pytest.mark.postgres)]


_DIALECTS: dict[str, Dialect] = {}
_COMPILED: dict[object, object] = {}
_make_engine = sessions._engine


def _engine_that_shares(url: str) -> Engine:
    """Make an engine that shares the cache of compiled statements, which are the same in every database.

    A test has a database of its own, and so an engine: compiling its statements took as long as all the rest of a test.
    A dialect is shared once a connection has detected its server's version.
    """
    engine = _make_engine(url)
    known = _DIALECTS.get(engine.dialect.name)
    if known is None or known.server_version_info is None:
        _DIALECTS[engine.dialect.name] = engine.dialect
    else:
        engine.dialect = known
    engine.update_execution_options(compiled_cache=_COMPILED)
    return engine


sessions._engine = _engine_that_shares


@pytest.fixture(scope="session")
def postgres_socket() -> Iterator[Path]:
    with private_postgres() as socket:
        yield socket


@pytest.fixture(params=BOTH)
def database_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that has not been migrated; a test takes it or `database`, not both."""
    if database_kind == "postgres":
        return new_postgres_schema(request.getfixturevalue("postgres_socket"), _new_name())
    return _sqlite_url(tmp_path)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file, to be copied: migrating anew for each test takes longer than most tests."""
    path = tmp_path_factory.mktemp("migrated") / "farm.db"
    database = Database(f"sqlite:///{path}")
    migrate(database)
    database.close()
    return path


class Schemas:
    """The migrated schemas of a cluster, used again by test after test: making one takes a quarter of a second.

    So are its connections: each new one learns the tables anew, which takes as long as a short test.
    """

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self._clean: list[tuple[str, Database]] = []

    def take(self) -> tuple[str, Database]:
        """Return a schema as the migrations leave it."""
        if self._clean:
            return self._clean.pop()
        schema = _new_name()
        with self._connect() as connection:
            connection.execute(self._migration.replace(MIGRATED, schema))
        return schema, Database(schema_url(self.socket, schema))

    def give_back(self, schema: str, database: Database) -> None:
        """Empty a schema for the next test. It is left alone if a test has changed it, or has an open transaction."""
        if self._empty(schema):
            self._clean.append((schema, database))
        else:
            database.close()

    def _empty(self, schema: str) -> bool:
        with suppress(psycopg.errors.LockNotAvailable), self._connect() as connection:
            if _columns(connection, schema) != self._migrated_columns:
                return False
            connection.execute(self._emptying.replace(MIGRATED, schema))
            return True
        return False

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(host=str(self.socket), user="postgres", dbname="postgres")

    @functools.cached_property
    def _migration(self) -> str:
        """SQL that makes the schema `farm_migrated` as the migrations do: a third of their time."""
        database = Database(new_postgres_schema(self.socket, MIGRATED))
        migrate(database)
        database.close()
        dump = [program("pg_dump"), f"--host={self.socket}", "--username=postgres", f"--schema={MIGRATED}"]
        written = subprocess.check_output([*dump, "--inserts", "postgres"], text=True)
        # The omitted lines are for psql alone.
        return "\n".join(line for line in written.splitlines() if not line.startswith("\\"))

    @functools.cached_property
    def _migrated_columns(self) -> list[tuple[object, ...]]:
        with self._connect() as connection:
            return _columns(connection, MIGRATED)

    @functools.cached_property
    def _emptying(self) -> str:
        """SQL that leaves only the rows in `farm_migrated` that the migrations have put there."""
        with self._connect() as connection:
            tables = _names(connection, "SELECT schemaname || '.' || tablename FROM pg_tables")
            numbers = _names(connection, "SELECT schemaname || '.' || sequencename FROM pg_sequences")
        rows = [line.rstrip(";") for line in self._migration.splitlines() if line.startswith("INSERT ")]
        return "; ".join(
            [
                "SET LOCAL lock_timeout = '5s'",
                "SET LOCAL session_replication_role = replica",  # in any order: foreign keys are not looked at
                f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE",
                *(f"DELETE FROM {table}" for table in tables),  # noqa: S608  names of the catalogue
                *(f"SELECT setval('{number}', 1, false)" for number in numbers),
                *rows,
            ]
        )


schemas_of = functools.cache(Schemas)


def _names(connection: psycopg.Connection, query: str) -> list[str]:
    return [name for (name,) in connection.execute(f"{query} WHERE schemaname = %s", [MIGRATED])]


def _columns(connection: psycopg.Connection, schema: str) -> list[tuple[object, ...]]:
    """Return the columns of the tables, indexes and sequences of a schema, its constraints and its triggers."""
    return connection.execute(
        "SELECT relname, attname, atttypid::text, attnotnull::text, attisdropped::text FROM pg_attribute"
        " JOIN pg_class ON attrelid = pg_class.oid WHERE relnamespace = %(name)s::regnamespace"
        " UNION ALL SELECT relname, conname, contype::text, '', '' FROM pg_constraint"
        " JOIN pg_class ON conrelid = pg_class.oid WHERE connamespace = %(name)s::regnamespace"
        " UNION ALL SELECT relname, tgname, '', '', '' FROM pg_trigger"
        " JOIN pg_class ON tgrelid = pg_class.oid WHERE relnamespace = %(name)s::regnamespace AND NOT tgisinternal"
        " ORDER BY 1, 2, 3",
        {"name": schema},
    ).fetchall()


@pytest.fixture
def database(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated database, without rows but for those of the migrations."""
    if database_kind == "sqlite":
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), tmp_path / _FILE)
        database = Database(_sqlite_url(tmp_path))
        yield database
        database.close()
        return
    schemas = schemas_of(request.getfixturevalue("postgres_socket"))
    schema, database = schemas.take()
    yield database
    schemas.give_back(schema, database)


def _sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder / _FILE}"


def _new_name() -> str:
    return f"farm_{secrets.token_hex(8)}"
