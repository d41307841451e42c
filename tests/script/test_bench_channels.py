"""Channels of the benchmarks are accepted by subscribers, and the server that they are fetched from counts right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from farm.client.repository.host import Host
from farm.trust.metadata.repository import Repository
from script.benchmarks.checked_channel import CheckedChannel
from script.benchmarks.servers import static_server
from script.benchmarks.signed_channel import CHANNEL, SignedChannel
from script.benchmarks.synthetic_channel import SyntheticChannel
from script.benchmarks.synthetic_indexes import closure_of
from script.benchmarks.synthetic_set import synthetic_packages

if TYPE_CHECKING:
    from pathlib import Path


def following(channel: SignedChannel, directory: Path) -> Host:
    host = Host(directory / "state", directory / "shared")
    host.subscriptions.subscribe(str(channel.public), CHANNEL, channel.fingerprint)
    return host


def test_a_subscriber_verifies_the_packages_of_a_signed_channel(tmp_path: Path) -> None:
    (tmp_path / "tree" / "share").mkdir(parents=True)
    (tmp_path / "tree" / "share" / "file").write_text("content")
    channel = SignedChannel(tmp_path / "channel")
    channel.publish(channel.build("one", "1.0", tmp_path / "tree"))
    channel.publish(channel.build("one", "1.1", tmp_path / "tree"))
    (package,) = following(channel, tmp_path).catalogue().verified(["one"])
    assert str(package.descriptor.version) == "1.1"


def test_signer_and_checker_sign_one_change_after_another_of_a_channel_with_a_policy(tmp_path: Path) -> None:
    channel = CheckedChannel(tmp_path, synthetic_packages(20))
    with channel.running() as signer:
        channel.sign(signer, channel.next())
    newest = Repository(tmp_path / "public").current(CHANNEL).release
    assert newest is not None
    assert (newest.number, newest.packages) == (3, 21)
    assert channel.memory > 10


def test_peers_and_farm_are_asked_for_the_same_closure(tmp_path: Path) -> None:
    packages = synthetic_packages(100)
    catalogue = following(SyntheticChannel(tmp_path / "channel", packages), tmp_path).catalogue()
    for number in range(60, 100):
        expected = {packages[needed].name for needed in closure_of(packages, number)}
        assert {entry.name for entry in catalogue.closure([packages[number].name])} == expected


def test_the_static_server_counts_contents_alone(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "file").write_bytes(b"0123456789")
    with (
        static_server(tmp_path / "served", tmp_path / "log") as server,
        httpx.Client(base_url=server.address) as client,
    ):
        whole = client.get("file")
        assert (whole.content, server.sent()) == (b"0123456789", 10)
        assert (client.get("file", headers={"Range": "bytes=7-"}).content, server.sent()) == (b"789", 13)
        again = client.get("file", headers={"If-Modified-Since": whole.headers["Last-Modified"]})
        assert (again.status_code, client.get("missing").status_code) == (304, 404)
        assert server.sent() == 13
