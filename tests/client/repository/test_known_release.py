"""The next request of a host that has verified a release: whether its repository still shows the same one."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler
from typing import TYPE_CHECKING, cast

import pytest

from farm.client.repository.host import Host
from tests.threats.simulator import Simulator, serving

if TYPE_CHECKING:
    from pathlib import Path


def test_where_nothing_is_new_two_small_files_are_asked_for_and_nothing_is_verified_again(tmp_path: Path) -> None:
    simulator = Simulator(tmp_path)
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        SimpleHTTPRequestHandler.do_GET(cast("SimpleHTTPRequestHandler", handler))

    with serving(simulator.public, {"": answer}) as address:
        subscriber = simulator.subscriber(address=address)
        first = subscriber.host.catalogue()
        asked.clear()
        again = Host(subscriber.host.state, subscriber.host.shared).catalogue()
        assert sorted(asked) == ["/metadata/2.root.json", "/metadata/timestamp.json"]
        assert (again.release, again.builders) == (first.release, first.builders)
        assert [package.name for package in again.verified(["greet"])] == ["greet", "say"]

        simulator.release()
        assert Host(subscriber.host.state, subscriber.host.shared).catalogue().release.number == 2


@pytest.mark.parametrize("kept", ["seen/edge.json", "targets", "looks/edge.json"])
def test_what_rotted_here_is_verified_again(tmp_path: Path, kept: str) -> None:
    simulator = Simulator(tmp_path)
    host = simulator.subscriber().host
    host.catalogue()
    path = host.subscriptions.metadata_folder(host.subscriptions.find()) / kept
    for file in path.iterdir() if path.is_dir() else [path]:
        file.write_bytes(file.read_bytes()[:-7])
    assert host.catalogue().builders
    assert host.catalogue().release.number == 1
