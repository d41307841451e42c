"""Row 4: data that never ends, and data that arrives so slowly that it never ends in practice."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from tuf.api.metadata import MetaFile

from farm.client.repository.download import DownloadError, Downloads
from farm.client.repository.readers import HttpReader
from farm.store.blobs import BlobStore
from farm.store.http.time_limits import TransferLimits
from farm.trust.layout import release_target
from farm.trust.untrusted_metadata import UntrustedMetadataError
from tests.threats.simulator import Simulator, metadata_over_http, serving

if TYPE_CHECKING:
    import http.server
    from pathlib import Path

LIMITS = TransferLimits(grace_seconds=0.4, bytes_per_second=50_000, longest_seconds=30)


class Endless:
    """Sends bytes for as long as the client reads them; `sent` is their number."""

    def __init__(self, begin: bytes = b"", *, announced: int | None = None) -> None:
        self.sent = 0
        self._begin = begin
        self._announced = announced

    def __call__(self, request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        if self._announced is not None:
            request.send_header("Content-Length", str(self._announced))
        request.end_headers()
        request.wfile.write(self._begin)
        while self.sent < 2**30:
            self.sent += request.wfile.write(b" " * 65536)


def drip(request: http.server.BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000000")
    request.end_headers()
    for _ in range(3000):
        request.wfile.write(b" ")
        request.wfile.flush()
        time.sleep(0.01)


def test_every_document_but_root_and_timestamp_has_its_length_signed_beforehand(simulator: Simulator) -> None:
    mirror = simulator.mirror("mirror")
    snapshot, timestamp = mirror.document("snapshot"), mirror.document("timestamp")
    assert timestamp.snapshot_meta.length == mirror.path("snapshot").stat().st_size
    for role in ("targets", "edge", "advisories"):
        assert snapshot.meta[f"{role}.json"].length == mirror.path(role).stat().st_size
        assert snapshot.meta[f"{role}.json"].hashes
    release = json.loads(mirror.path("edge").read_bytes())["signed"]["targets"]["channels/edge/release.json"]
    assert release["length"] == len(simulator.releases[0].to_json())


@pytest.mark.parametrize(
    "path", ["timestamp.json", "2.root.json", "2.snapshot.json", "1.targets.json", "2.edge.json", ".release.json"]
)
def test_endless_metadata_is_cut_off(simulator: Simulator, tmp_path: Path, path: str) -> None:
    endless = Endless()
    with serving(simulator.public, {path: endless}) as url:
        with pytest.raises(UntrustedMetadataError) as caught:
            metadata_over_http(simulator, tmp_path / "state", url).newest("edge")
        assert caught.value.remedy
    assert endless.sent < 16 * 2**20


@pytest.mark.parametrize("role", ["snapshot", "edge", "release"])
def test_a_length_that_a_thief_of_the_online_keys_has_signed_has_a_bound_too(
    simulator: Simulator, tmp_path: Path, role: str
) -> None:
    """Signatures by keys on a networked machine are no reason to fill a client's memory."""
    mirror = simulator.mirror("mirror")
    timestamp, snapshot, channel = (mirror.document(name) for name in ("timestamp", "snapshot", "edge"))
    if role == "release":
        channel.targets[release_target("edge")].length = 2**40
        mirror.write("edge", channel, simulator.online)
        content = mirror.path("edge").read_bytes()
        snapshot.meta["edge.json"] = MetaFile.from_data(channel.version, content, ["sha256"])
    elif role == "edge":
        snapshot.meta["edge.json"] = MetaFile(channel.version, 2**40)
    mirror.write("snapshot", snapshot, simulator.online)
    timestamp.snapshot_meta = MetaFile.from_data(snapshot.version, mirror.path("snapshot").read_bytes(), ["sha256"])
    if role == "snapshot":
        timestamp.snapshot_meta = MetaFile(snapshot.version, 2**40)
    mirror.write("timestamp", timestamp, simulator.online)
    endless = Endless()
    with (
        serving(mirror.root, {f".{role}.json": endless}) as url,
        pytest.raises(UntrustedMetadataError, match="more than"),
    ):
        metadata_over_http(simulator, tmp_path / "state", url).newest("edge")
    assert 0 < endless.sent < 64 * 2**20


def test_an_endless_blob_is_cut_off_at_the_length_that_was_signed(simulator: Simulator, tmp_path: Path) -> None:
    archive = simulator.distribution.entries["say"][0].archive
    endless = Endless()
    store = BlobStore(tmp_path / "store")
    says = f"more than the {archive.size} bytes that were signed"
    with serving(simulator.public, {archive.digest[9:]: endless}) as url, pytest.raises(DownloadError, match=says):
        Downloads(HttpReader(url), store).ensure(archive, "archive of say")
    assert endless.sent < 16 * 2**20
    assert not store.has(archive.digest)


@pytest.mark.parametrize("path", ["timestamp.json", "2.snapshot.json", "2.edge.json"])
def test_metadata_that_drips_is_given_up(simulator: Simulator, tmp_path: Path, path: str) -> None:
    with serving(simulator.public, {path: drip}) as url:
        with pytest.raises(UntrustedMetadataError, match="too slow") as caught:
            metadata_over_http(simulator, tmp_path / "state", url, LIMITS).newest("edge")
        assert caught.value.reason == "network"


def test_a_blob_that_drips_is_given_up_and_another_mirror_serves_it(simulator: Simulator, tmp_path: Path) -> None:
    archive = simulator.distribution.entries["say"][0].archive
    store = BlobStore(tmp_path / "store")
    with serving(simulator.public, {archive.digest[9:]: drip}) as url, pytest.raises(DownloadError, match="too slow"):
        Downloads(HttpReader(url, LIMITS), store).ensure(archive, "archive of say")
    assert not store.has(archive.digest)
    with serving(simulator.public) as url:
        Downloads(HttpReader(url, LIMITS), store).ensure(archive, "archive of say")
    assert store.has(archive.digest)
