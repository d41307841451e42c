"""The fixtures that give a test a migrated database: SQLite always, PostgreSQL when its tests are asked for."""

from __future__ import annotations

import secrets
import shutil
from typing import TYPE_CHECKING

import pytest

from farm.database.schema import migrate
from farm.database.session import Database
from tests.servers import new_postgres_schema, private_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BOTH = [pytest.param("sqlite"), pytest.param("postgres", marks=pytest.mark.postgres)]


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


@pytest.fixture
def database(database_url: str, migrated_sqlite: Path) -> Iterator[Database]:
    if database_url.startswith("sqlite"):
        shutil.copyfile(migrated_sqlite, database_url.removeprefix("sqlite:///"))
    database = Database(database_url)
    migrate(database)
    yield database
    database.close()
