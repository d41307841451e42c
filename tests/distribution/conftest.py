"""The distribution of this repository, built from empty stores by a real farm, once for all tests of this folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.cli.local_builds import prepare_toolchains
from farm.cli.recipes_option import read_tree
from farm.cli.settings import Settings
from farm.store.blobs import BlobStore
from tests.chromium import chromium
from tests.conftest import DISTRIBUTION
from tests.farms.running import RECIPES, RunningFarm

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["chromium"]

_SECONDS = 3000
"""A quarter of an hour on two idle processors; other processes may use these too."""
ALL = tuple(sorted(path.name for path in (RECIPES / "packages").iterdir()))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the test that first makes the distribution time for it."""
    for item in items:
        if "distribution" in getattr(item, "fixturenames", ()) and item.path.is_relative_to(Path(__file__).parent):
            if item.location[0] not in DISTRIBUTION:
                raise pytest.UsageError(f"{item.nodeid} needs the distribution: name its file in tests/conftest.py")
            item.add_marker(pytest.mark.timeout(_SECONDS + 600))


def empty_host(folder: Path) -> Path:
    """Return a host's shared directory with this host's toolchains, and without built packages."""
    known = Settings.from_environment()
    made = prepare_toolchains(read_tree(RECIPES), known)
    host = folder / "host"
    store = BlobStore(host / "blobs")
    for toolchain in made:
        for digest in (toolchain.tree, toolchain.archive.digest, *toolchain.debs.values()):
            store.share(toolchain.store, digest)
    (host / "toolchains").symlink_to(known.host / "toolchains")
    return host


@pytest.fixture(scope="session")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFarm]:
    """A farm that has built every recipe and released the set on edge."""
    folder = tmp_path_factory.mktemp("distribution")
    farm = RunningFarm(folder / "farm", empty_host(folder))
    try:
        farm.start()
        farm.submit(*ALL, seconds=_SECONDS).done()
        yield farm
    finally:
        farm.stop()
        if os.environ.get("FARM_KEEP_TESTS") is None:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def subscriber(distribution: RunningFarm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of a subscriber to edge."""
    state = tmp_path_factory.mktemp("subscriber")
    distribution.run(
        "subscribe", f"{distribution.url}/repository", "edge", "--fingerprint", distribution.fingerprint, state=state
    ).done()
    return state
