"""Blobs come from untrusted mirrors: one that lies, stalls or lacks a blob is skipped, and reported once."""

from __future__ import annotations

import random
import shutil
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from farm.client.repository.download import DownloadError, Downloads
from farm.client.repository.host import Host
from farm.client.repository.mirrors import Mirror, Mirrors
from farm.client.repository.readers import open_reader
from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.store.blobs import BlobStore
from farm.store.http.time_limits import TransferLimits
from farm.trust.layout import blob_path
from farm.trust.untrusted_metadata import UntrustedMetadataError
from tests.client.fetched_files import one_byte_altered
from tests.client.installing import install
from tests.client.range_server import RangeServer
from tests.client.web_server import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.client.distribution import SmallDistribution

LARGE = random.Random(1).randbytes(2_000_000)
BLOB = BlobRef(Digest.of(LARGE), len(LARGE))
PATH = f"/{blob_path(BLOB.digest)}"
HALF = 1_048_576


def served(folder: Path, content: bytes | None = LARGE) -> RangeServer:
    place = folder / blob_path(BLOB.digest)
    place.parent.mkdir(parents=True)
    if content is not None:
        place.write_bytes(content)
    return RangeServer(folder)


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[RangeServer]:
    with served(tmp_path / "owner").running() as server:
        yield server


class Fetching:
    """A store that is filled from mirrors and an owner, and the warnings meanwhile."""

    def __init__(self, folder: Path, owner: RangeServer, *mirrors: str) -> None:
        self.warnings: list[str] = []
        self.store = BlobStore(folder / "store")
        limits = TransferLimits(grace_seconds=0.4, bytes_per_second=10_000_000)
        opened = [Mirror(mirror, self.warnings.append, limits) for mirror in mirrors]
        self.downloads = Downloads(open_reader(owner.address), self.store, opened)

    def fetch(self) -> None:
        self.downloads.ensure(BLOB, "archive of x")
        assert self.store.read(BLOB.digest) == LARGE


def test_mirrors_are_asked_first_in_their_order(owner: RangeServer, tmp_path: Path) -> None:
    with served(tmp_path / "a").running() as first, served(tmp_path / "b").running() as second:
        fetching = Fetching(tmp_path, owner, first.address, second.address)
        fetching.fetch()
    assert (first.sent[PATH], second.sent[PATH], owner.sent[PATH]) == (len(LARGE), 0, 0)
    assert fetching.warnings == []


def test_one_that_lacks_a_blob_is_passed_over_and_asked_for_the_next(owner: RangeServer, tmp_path: Path) -> None:
    with served(tmp_path / "a", None).running() as mirror:
        fetching = Fetching(tmp_path, owner, mirror.address)
        fetching.fetch()
        (warning,) = fetching.warnings
        assert warning.startswith(f"the mirror {mirror.address} is passed over: the repository lacks {BLOB.digest}")
        fetching.store.delete(BLOB.digest)
        (mirror.folder / PATH[1:]).write_bytes(LARGE)
        fetching.fetch()
    assert (mirror.sent[PATH], len(fetching.warnings)) == (len(LARGE), 1)


@pytest.mark.parametrize("lie", [b"x" * len(LARGE), LARGE + b"x", LARGE[:-1]], ids=["other", "longer", "shorter"])
def test_one_that_lies_is_not_asked_again(owner: RangeServer, tmp_path: Path, lie: bytes) -> None:
    with served(tmp_path / "a", lie).running() as liar:
        fetching = Fetching(tmp_path, owner, liar.address)
        fetching.fetch()
        fetching.store.delete(BLOB.digest)
        fetching.fetch()
    assert len(liar.asked) == 1
    assert owner.sent[PATH] == 2 * len(LARGE)
    assert [liar.address in warning for warning in fetching.warnings] == [True]


def test_the_beginning_of_a_liar_does_not_spoil_the_rest_of_another(owner: RangeServer, tmp_path: Path) -> None:
    """The liar breaks the connection half-way: the others cannot know that the received part is wrong."""
    with served(tmp_path / "a", b"x" * len(LARGE)).running() as liar, served(tmp_path / "b").running() as honest:
        liar.hang_up_after = HALF
        fetching = Fetching(tmp_path, owner, liar.address, honest.address)
        fetching.fetch()
    assert honest.sent[PATH] == len(LARGE) - HALF + len(LARGE)
    assert owner.sent[PATH] == 0
    assert [liar.address in warning for warning in fetching.warnings] == [True]


def test_what_one_mirror_has_sent_the_next_goes_on_with(owner: RangeServer, tmp_path: Path) -> None:
    with served(tmp_path / "a").running() as mirror:
        mirror.hang_up_after = HALF
        fetching = Fetching(tmp_path, owner, mirror.address)
        fetching.fetch()
    assert owner.sent[PATH] == len(LARGE) - HALF


def test_one_that_stalls_is_passed_over_and_so_is_one_that_nobody_answers_for(
    owner: RangeServer, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as closed:
        closed.close()
        stalling = f"http://127.0.0.1:{silent.getsockname()[1]}"
        fetching = Fetching(tmp_path, owner, "http://127.0.0.1:9/nobody", stalling, str(tmp_path / "no-disk"))
        fetching.fetch()
    assert [warning.split()[2] for warning in fetching.warnings] == [
        "http://127.0.0.1:9/nobody",
        stalling,
        str(tmp_path / "no-disk"),
    ]
    assert "too slow" in fetching.warnings[1]


def test_a_password_is_for_the_mirror_alone() -> None:
    warnings: list[str] = []
    Mirror("https://ann:s3cret@mirror.example.net/farm", warnings.append).pass_over("why", for_good=True)
    assert warnings == ["the mirror https://mirror.example.net/farm is passed over: why"]


def test_the_owner_has_the_last_word(tmp_path: Path, owner: RangeServer) -> None:
    (owner.folder / PATH[1:]).unlink()
    fetching = Fetching(tmp_path, owner, str(tmp_path))
    with pytest.raises(DownloadError, match="cannot fetch the archive of x: the repository lacks"):
        fetching.fetch()
    assert len(fetching.warnings) == 1


def test_a_mirror_is_told_of_once_by_many_threads() -> None:
    warnings: list[str] = []
    mirror = Mirrors(warnings.append).at(["http://x"])[0]
    threads = [threading.Thread(target=mirror.pass_over, args=("why",), kwargs={"for_good": True}) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings == ["the mirror http://x is passed over: why"]


class Follower:
    """A host that follows a served distribution with one mirror, in a folder, and its warnings."""

    def __init__(self, distribution: SmallDistribution, address: str, folder: Path) -> None:
        self.warnings: list[str] = []
        self.mirror = folder / "mirror"
        shutil.copytree(distribution.public, self.mirror)
        self.host = self.started(folder)
        assert distribution.founded is not None
        made = self.host.subscriptions.subscribe(address, "edge", distribution.founded.fingerprint)
        self.host.subscriptions.change(made, mirrors=[str(self.mirror)])

    def started(self, folder: Path) -> Host:
        """Return the host as in the next command, which does not remember earlier failures."""
        return Host(folder / "state", folder / "shared", self.warnings.append)


def test_a_mirror_with_a_wrong_archive_costs_a_line_and_no_more(
    distribution: SmallDistribution, tmp_path: Path
) -> None:
    with serving(distribution.public) as address:
        follower = Follower(distribution, address, tmp_path)
        archive = distribution.entries["greet"][0].archive
        with one_byte_altered(follower.mirror / blob_path(archive.digest)):
            install(follower.host, tmp_path / "root", "greet")
    assert (tmp_path / "root/usr/bin/greet").exists()
    (warning,) = follower.warnings
    assert warning.startswith(f"the mirror {follower.mirror} is passed over: expected {archive.digest}, got sha256:")


def test_metadata_is_taken_from_the_owner_while_he_answers(distribution: SmallDistribution, tmp_path: Path) -> None:
    with serving(distribution.public) as address:
        follower = Follower(distribution, address, tmp_path)
        shutil.rmtree(follower.mirror / "metadata")
        install(follower.host, tmp_path / "root", "greet")
    assert follower.warnings == []


def test_when_the_owner_is_gone_a_mirror_says_what_is_newest_and_is_verified(
    distribution: SmallDistribution, tmp_path: Path
) -> None:
    with serving(distribution.public) as address:
        follower = Follower(distribution, address, tmp_path)
    install(follower.host, tmp_path / "root", "greet")
    assert follower.warnings == [f"{address} cannot be reached: asked the mirror {follower.mirror} what is newest"]

    # The mirror's newest release must be signed all the same, and no older than the known one.
    later = follower.started(tmp_path / "other")
    shutil.copytree(tmp_path / "state", tmp_path / "other/state")
    shutil.rmtree(tmp_path / "other/state/subscriptions/dist.example.org/edge/metadata")
    with (
        one_byte_altered(next((follower.mirror / "targets").rglob("*.release.json"))),
        pytest.raises(UntrustedMetadataError, match="cannot reach the repository of channel edge"),
    ):
        later.catalogue()
    assert f"the mirror {follower.mirror} cannot be used" in follower.warnings[1]
