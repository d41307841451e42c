"""A running farm, and a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chromium import chromium
from tests.farms.served import ServedFarm, served_farm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.session import Database

__all__ = ["chromium"]


@pytest.fixture
def farm(database: Database, tmp_path: Path) -> Iterator[ServedFarm]:
    with served_farm(database, tmp_path) as farm:
        yield farm
