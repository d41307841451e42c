"""The fixtures that give a test a migrated database: SQLite always, PostgreSQL when its tests are asked for."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from farm.database.schema import migrate
from farm.database.session import Database
from tests.servers import new_postgres_database, private_postgres

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
        return new_postgres_database(request.getfixturevalue("postgres_socket"), f"farm_{secrets.token_hex(8)}")
    return f"sqlite:///{tmp_path / 'farm.db'}"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    migrate(database)
    yield database
    database.close()
