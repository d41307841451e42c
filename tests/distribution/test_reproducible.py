"""Packages built a second time: another host name, one processor, a clock 400 days ahead, another order."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

import httpx
import pytest

from farm.cli.recipes_option import read_tree
from farm.core.names.reachable import reachable
from tests.distribution.conftest import ALL, empty_host
from tests.distribution.users_of_zlib import USERS, write_users
from tests.farms.running import RECIPES, RunningFarm

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.docker, pytest.mark.toolchain]

LARGE = frozenset(
    [
        "bash",
        "coreutils",
        "curl",
        "figlet",
        "grep",
        "gzip",
        "make",
        "ncurses",
        "oniguruma",
        "openssl",
        "pcre2",
        "spdlog",
        "sqlite",
        "zstd",
    ]
)
"""Packages that take long to build, or whose scripts are run by bash.

They, and what needs them, are rebuilt only where FARM_TEST_EVERYTHING is set.

The others cover each way in which recipes build; two programs of a few lines use a library of another package.
`farm rebuild --check NAME` does the same for one package.
"""


def _built_again() -> tuple[str, ...]:
    """Return the names of the packages to build a second time."""
    recipes = read_tree(RECIPES).recipes

    def needs(name: str) -> tuple[str, ...]:
        return (*recipes[name].build_needs, *recipes[name].required_packages)

    if os.environ.get("FARM_TEST_EVERYTHING"):
        return ALL
    return tuple(name for name in ALL if LARGE.isdisjoint(reachable([name], needs)))


AGAIN = _built_again()
EXCEPTIONS: frozenset[str] = frozenset()
"""Packages whose trees are known to differ, each with the reason next to it. There are none."""


def test_a_second_build_under_other_circumstances_gives_the_same_trees(
    distribution: RunningFarm, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("second")
    recipes = _without_tests(folder / "recipes")
    programs = write_users(recipes / "packages")
    distribution.submit(*programs).done()
    second = RunningFarm(folder / "farm", empty_host(folder), options=("--vary",), recipes=recipes)
    try:
        second.start()
        # The first farm built them in the order of names: here the last name comes first.
        for names in (("xz", "zlib", "glibc", "gcc-libs"), (*AGAIN, *USERS)):
            second.submit(*(recipes / "packages" / name for name in names)).done()
        first_trees, second_trees = _trees(distribution), _trees(second)
    finally:
        second.stop()
    assert second_trees.keys() >= {*AGAIN, *USERS}
    different = {
        name for name, trees in second_trees.items() if not trees <= first_trees[name] and name not in EXCEPTIONS
    }
    assert different == set()


def _without_tests(tree: Path) -> Path:
    """Copy the tree of recipes without their tests, which the first farm ran on packages that must be the same."""
    shutil.copytree(RECIPES, tree)
    for recipe in tree.glob("packages/*/recipe.yaml"):
        recipe.write_text(re.sub(r"(?m)^(?:tests|test-needs):.*\n(?:(?: .*)?\n)*", "", recipe.read_text()))
    return tree


def _trees(farm: RunningFarm) -> dict[str, set[str]]:
    """Return all trees that a farm has built under each package name."""
    trees: dict[str, set[str]] = {}
    after = ""
    while True:
        page = httpx.get(f"{farm.url}/api/v1/packages", params={"after": after}).json()
        for package in page["packages"]:
            builds = httpx.get(f"{farm.url}/api/v1/packages/{package['name']}").json()["packages"]
            trees[package["name"]] = {build["tree"] for build in builds}
        if page["next_after"] is None:
            return trees
        after = page["next_after"]
