"""A farm that releases, on each kind of database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.farms.releasing import ReleasingFarm

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.tables.session import Database


@pytest.fixture
def releasing(database: Database, tmp_path: Path) -> ReleasingFarm:
    return ReleasingFarm.open(database, tmp_path)
