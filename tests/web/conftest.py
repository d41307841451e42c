"""A running farm on SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.server.databases import database, database_url, migrated_sqlite, postgres_socket
from tests.web.running_farm import RunningFarm, running_farm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.session import Database

__all__ = ["database", "database_url", "migrated_sqlite", "postgres_socket"]


@pytest.fixture
def farm(database: Database, tmp_path: Path) -> Iterator[RunningFarm]:
    with running_farm(database, tmp_path) as farm:
        yield farm
