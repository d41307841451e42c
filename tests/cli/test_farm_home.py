"""Founding a farm in an empty directory."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from farm.building.recipe_directory import read_recipe_directory
from farm.cli.farm_home import FarmHome, found
from farm.database.session import Database
from farm.recipe import load_tree

RECIPES = Path(__file__).parents[2] / "recipes"


def test_the_database_is_for_nobody_else_nor_the_files_beside_it(tmp_path: Path) -> None:
    home = FarmHome(tmp_path / "state", tmp_path / "host", 8460)
    before = os.umask(0o022)
    try:
        found(home, load_tree(read_recipe_directory(RECIPES)), RECIPES, (), 1, vary=False)
        database = Database(home.database)
        with database.connection() as connection:
            connection.exec_driver_sql("CREATE TABLE used (n INTEGER)")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.root.glob("farm.db*")}
        database.close()
    finally:
        os.umask(before)
    assert modes == {"farm.db": 0o600, "farm.db-shm": 0o600, "farm.db-wal": 0o600}
