"""A farm on SQLite with a connected repository on a stand-in for GitHub."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.server.git.git_farm import git_farm_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.session import Database
    from tests.server.git.git_farm import GitFarm


@pytest.fixture
def git_farm(database: Database, tmp_path: Path) -> Iterator[GitFarm]:
    with git_farm_of(database, tmp_path, "github") as made:
        yield made
