"""Farms for scenarios: one that can only read recipes, and one that can build."""

from __future__ import annotations

import json
import os
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.cli.settings import Settings
from farm.container.mounts import unmount_below
from farm.core.names.digest import Digest
from tests.scenarios.farm import Farm, HostToolchain

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all scenarios: each starts the command many times, which is too slow for the fast tests."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.scenario)


@pytest.fixture
def tree(tmp_path: Path) -> Farm:
    return Farm(tmp_path)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, toolchain: HostToolchain) -> Iterator[Farm]:
    farm = Farm(tmp_path_factory.mktemp("farm"), toolchain=toolchain).recipe("good")
    assert "built good" in farm.run("build", "good").done().message
    yield farm
    unmount_below(farm.root)  # after a failed test: the removal of the directory must not go through a mount


@pytest.fixture
def farm(built: Farm) -> Farm:
    """A farm that has built the package `good`, and that has only its recipe."""
    return built.reset().recipe("good")


@pytest.fixture(scope="session")
def toolchain(tmp_path_factory: pytest.TempPathFactory) -> HostToolchain:
    """This host's own toolchain `c`, made if it is missing."""
    host = Settings.from_environment().host
    preparing = Farm(tmp_path_factory.mktemp("toolchain")).setting(HOME=os.environ["HOME"], FARM_HOST=str(host))
    tree = preparing.run("toolchain", "prepare", "c").done().output.split()[1]
    records = {path: json.loads(path.read_bytes()) for path in (host / "toolchains").glob("c-*.json")}
    record, found = next((path, value) for path, value in records.items() if value["tree"] == tree)
    return HostToolchain(host, (Digest(tree), Digest(found["archive"]["digest"])), record, record.stat().st_mtime_ns)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of a web server that has `x-1.tar.gz`."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "x-1.tar.gz").write_bytes(b"other bytes than the recipe names\n")
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass
