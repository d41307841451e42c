"""The fixtures that give a test a migrated database: SQLite always, PostgreSQL when its tests are selected."""

from __future__ import annotations

import functools
import secrets
import shutil
import subprocess
from typing import TYPE_CHECKING

import psycopg
import pytest

from farm.server.tables import session as sessions
from farm.server.tables.schema import migrate
from farm.server.tables.session import Database
from tests.servers import new_postgres_schema, private_postgres, program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Dialect, Engine

_MIGRATED = "farm_migrated"
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
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return new_postgres_schema(request.getfixturevalue("postgres_socket"), f"farm_{secrets.token_hex(8)}")
    return f"sqlite:///{tmp_path / 'farm.db'}"


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file, to be copied: migrating anew for each test takes longer than most tests."""
    path = tmp_path_factory.mktemp("migrated") / "farm.db"
    database = Database(f"sqlite:///{path}")
    migrate(database)
    database.close()
    return path


@functools.cache
def _migration_of_postgres(socket: Path) -> str:
    """Return SQL that makes the schema `farm_migrated` as the migrations do: a third of their time, each time."""
    database = Database(new_postgres_schema(socket, _MIGRATED))
    migrate(database)
    database.close()
    dump = [program("pg_dump"), f"--host={socket}", "--username=postgres", f"--schema={_MIGRATED}", "--inserts"]
    written = subprocess.check_output([*dump, "postgres"], text=True)
    # The omitted lines are for psql alone.
    return "\n".join(line for line in written.splitlines() if not line.startswith("\\"))


@pytest.fixture
def database(database_url: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    if database_url.startswith("sqlite"):
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), database_url.removeprefix("sqlite:///"))
    else:
        socket = request.getfixturevalue("postgres_socket")
        schema = database_url.rpartition("%3D")[2]
        with psycopg.connect(host=str(socket), user="postgres", dbname="postgres") as connection:
            connection.execute(f'DROP SCHEMA "{schema}"')
            connection.execute(_migration_of_postgres(socket).replace(_MIGRATED, schema))
    database = Database(database_url)
    yield database
    database.close()
