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
    """The URL of a database that has not been migrated."""
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
    """The migrated schemas of a cluster, used again by test after test: making one takes a quarter of a second."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self._clean: list[str] = []

    def take(self) -> str:
        """Return the name of a schema as the migrations leave it."""
        if self._clean:
            return self._clean.pop()
        schema = _new_name()
        with self._connect() as connection:
            connection.execute(self._migration.replace(MIGRATED, schema))
        return schema

    def give_back(self, schema: str) -> None:
        """Empty a schema for the next test; one that a test has changed, or still uses, is left alone."""
        with suppress(psycopg.errors.LockNotAvailable), self._connect() as connection:
            if _shape(connection, schema) == self._shape:
                connection.execute(self._emptying.replace(MIGRATED, schema))
                self._clean.append(schema)

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
    def _shape(self) -> list[tuple[object, ...]]:
        with self._connect() as connection:
            return _shape(connection, MIGRATED)

    @functools.cached_property
    def _emptying(self) -> str:
        """SQL that leaves only the rows in `farm_migrated` that the migrations have put there."""
        with self._connect() as connection:
            made = connection.execute(
                "SELECT format('DELETE FROM %%I.%%I', schemaname, tablename) FROM pg_tables WHERE schemaname = %(name)s"
                " UNION ALL SELECT format('SELECT setval(%%L, 1, false)', schemaname || '.' || sequencename)"
                " FROM pg_sequences WHERE schemaname = %(name)s",
                {"name": MIGRATED},
            ).fetchall()
        rows = [line.rstrip(";") for line in self._migration.splitlines() if line.startswith("INSERT ")]
        settings = ["SET LOCAL lock_timeout = '5s'", "SET LOCAL session_replication_role = replica"]
        return "; ".join([*settings, *(statement for (statement,) in made), *rows])


schemas_of = functools.cache(Schemas)


def _shape(connection: psycopg.Connection, schema: str) -> list[tuple[object, ...]]:
    """Return the tables, indexes and sequences of a schema with the numbers of their columns, checks and triggers."""
    return connection.execute(
        "SELECT relname, relkind, relnatts, relchecks, relhastriggers FROM pg_class"
        " WHERE relnamespace = %s::regnamespace ORDER BY relname",
        [schema],
    ).fetchall()


@pytest.fixture
def database(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated database, without rows but for those of the migrations."""
    if database_kind == "sqlite":
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), tmp_path / _FILE)
        yield from _opened(_sqlite_url(tmp_path))
        return
    schemas = schemas_of(request.getfixturevalue("postgres_socket"))
    schema = schemas.take()
    yield from _opened(schema_url(schemas.socket, schema))
    schemas.give_back(schema)


def _sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder / _FILE}"


def _new_name() -> str:
    return f"farm_{secrets.token_hex(8)}"


def _opened(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()
