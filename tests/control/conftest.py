"""A small farm on each kind of database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.control.small_farm import SmallFarm
from tests.database.databases import database, database_url, migrated_sqlite, postgres_socket

if TYPE_CHECKING:
    from pathlib import Path

    from farm.database.session import Database

__all__ = ["database", "database_url", "migrated_sqlite", "postgres_socket"]


@pytest.fixture
def farm(database: Database, tmp_path: Path) -> SmallFarm:
    return SmallFarm.open(database, tmp_path)
