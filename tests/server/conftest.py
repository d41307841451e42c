"""A small farm on each kind of database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.farms.small import SmallFarm

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.tables.session import Database


@pytest.fixture
def farm(database: Database, tmp_path: Path) -> SmallFarm:
    return SmallFarm.open(database, tmp_path)
