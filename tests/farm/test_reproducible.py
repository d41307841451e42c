"""Every package built a second time: another host name, other processors, a clock 400 days ahead, another order."""

from __future__ import annotations

import os

import httpx
import pytest

from tests.farm.conftest import ALL, empty_host
from tests.farm.running_farm import RunningFarm

pytestmark = [pytest.mark.docker, pytest.mark.toolchain]

LARGE = frozenset({"base", "ca-certificates", "coreutils", "curl", "openssl", "python", "sqlite"})
"""What takes minutes to build, or is built against such: built again only where FARM_TEST_EVERYTHING is set.

`farm rebuild --check NAME` does the same for one of them.
"""
AGAIN = ALL if os.environ.get("FARM_TEST_EVERYTHING") else tuple(name for name in ALL if name not in LARGE)
EXCEPTIONS: frozenset[str] = frozenset()
"""Packages whose trees are known to differ, each with the reason beside it. There are none."""


def test_a_second_build_under_other_circumstances_gives_the_same_trees(
    distribution: RunningFarm, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("second")
    second = RunningFarm(folder / "farm", empty_host(folder), options=("--vary",))
    try:
        second.start()
        # The first farm took them by name: here what stands late there comes early.
        second.submit("base-files", "bash", "gcc-libs", "glibc", "ncurses", "readline").done()
        second.submit(*AGAIN).done()
        first_trees, second_trees = _trees(distribution), _trees(second)
    finally:
        second.stop()
    assert second_trees.keys() >= set(AGAIN)
    different = {
        name for name, trees in second_trees.items() if not trees <= first_trees[name] and name not in EXCEPTIONS
    }
    assert different == set()


def _trees(farm: RunningFarm) -> dict[str, set[str]]:
    """Return all trees that a farm has built under each package name."""
    trees: dict[str, set[str]] = {}
    after = ""
    while True:
        page = httpx.get(f"{farm.url}/api/v1/packages", params={"after": after}).json()
        for each in page["packages"]:
            builds = httpx.get(f"{farm.url}/api/v1/packages/{each['name']}").json()["packages"]
            trees[each["name"]] = {build["tree"] for build in builds}
        if page["next_after"] is None:
            return trees
        after = page["next_after"]
