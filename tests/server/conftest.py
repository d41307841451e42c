"""A small farm on each kind of database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.farms.databases import database, database_url, migrated_sqlite, postgres_socket
from tests.farms.small import SmallFarm

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.tables.session import Database

__all__ = ["database", "database_url", "migrated_sqlite", "postgres_socket"]


@pytest.fixture
def farm(database: Database, tmp_path: Path) -> SmallFarm:
    return SmallFarm.open(database, tmp_path)
