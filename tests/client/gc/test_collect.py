"""What `farm gc` removes, and what it must keep: everything that a record of this host names stays."""

from __future__ import annotations

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from farm.client.gc.collect import SCRUB_DAYS, collect_garbage
from farm.client.repository.host import Host
from farm.client.root.generations import Root, RootError
from farm.client.root.installation import roll_back
from farm.core.fileset.manifest import Manifest
from farm.core.names.digest import Digest
from farm.store.quarantine import Quarantine
from tests.client.installing import install
from tests.client.whole import whole
from tests.threats.killed import exit_status, fork

if TYPE_CHECKING:
    from pathlib import Path

    from farm.client.gc.collect import Garbage
    from tests.client.distribution import SmallDistribution

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def follower(host: Host, distribution: SmallDistribution) -> Host:
    assert distribution.founded is not None
    host.subscriptions.subscribe(str(distribution.public), "edge", distribution.founded.fingerprint)
    return host


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def publish(distribution: SmallDistribution, *versions: str) -> None:
    for version in versions:
        distribution.package("alone", {"share/alone/file": version}, version=version)
        distribution.publish()


def upgraded(host: Host, distribution: SmallDistribution, root: Path, *versions: str) -> None:
    """Install version 1.0 and then each of the others."""
    install(host, root, "alone")
    for version in versions:
        publish(distribution, version)
        install(host, root, "alone")


def collect(host: Host, keep: int = 1, *, dry_run: bool = False) -> Garbage:
    return collect_garbage(host, NOW, keep=keep, dry_run=dry_run)


def versions(host: Host) -> set[str]:
    """Return the versions of `alone` that the host has unpacked."""
    return {path.name.split("-")[1] for path in host.cache.root.glob("alone-*")}


def has_archive(host: Host, distribution: SmallDistribution, name: str = "alone") -> bool:
    return host.blobs.has(distribution.entries[name][0].archive.digest)


def test_states_go_but_the_current_and_the_newest_others(
    distribution: SmallDistribution, follower: Host, root: Path
) -> None:
    upgraded(follower, distribution, root, "2.0", "3.0", "4.0")
    garbage = collect(follower, keep=3)
    assert garbage.generations == [(root, 1)]
    assert versions(follower) == {"2.0", "3.0", "4.0"}
    roll_back(Root(root), 2)
    assert collect(follower, keep=1).generations == [(root, 3), (root, 4)]
    assert versions(follower) == {"2.0"}
    assert Root(root).stores() == tuple(package.store for package in whole(follower, root).set.packages)


def test_a_dry_run_says_the_same_and_removes_nothing(
    distribution: SmallDistribution, follower: Host, root: Path
) -> None:
    upgraded(follower, distribution, root, "2.0")
    said = collect(follower, dry_run=True)
    assert [generation.number for generation in Root(root).generations()] == [1, 2]
    assert versions(follower) == {"1.0", "2.0"}
    done = collect(follower)
    assert said.to_dict() == done.to_dict()
    assert done.size > 0
    assert done.blobs > 3
    assert collect(follower).to_dict() == collect(follower, dry_run=True).to_dict()
    assert collect(follower).size == 0


def test_what_is_removed_comes_again_when_it_is_wanted(
    distribution: SmallDistribution, follower: Host, root: Path, tmp_path: Path
) -> None:
    upgraded(follower, distribution, root, "2.0")
    collect(follower)
    install(follower, tmp_path / "other", "greet", "alone")
    whole(follower, tmp_path / "other")
    whole(follower, root)


def test_a_root_that_is_gone_is_forgotten_with_what_only_it_needed(
    distribution: SmallDistribution, follower: Host, root: Path, tmp_path: Path
) -> None:
    install(follower, root, "alone")
    install(follower, tmp_path / "other", "greet")
    shutil.rmtree(root)
    garbage = collect(follower)
    assert garbage.forgotten == [root]
    assert versions(follower) == set()
    assert not has_archive(follower, distribution)
    assert has_archive(follower, distribution, "greet")
    assert follower.roots.all() == (tmp_path / "other",)


def test_of_one_root_only_its_own_states_go(distribution: SmallDistribution, follower: Host, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for root in (one, two):
        install(follower, root, "alone")
    publish(distribution, "2.0")
    for root in (one, two):
        install(follower, root, "alone")
    assert collect_garbage(follower, NOW, only=[one], keep=1).generations == [(one, 1)]
    assert versions(follower) == {"1.0", "2.0"}
    with pytest.raises(RootError, match="is not a root of this host"):
        collect_garbage(follower, NOW, only=[tmp_path], keep=1)


def test_what_an_image_or_a_recent_run_refers_to_stays(
    distribution: SmallDistribution, follower: Host, root: Path
) -> None:
    install(follower, root, "alone", "greet")
    shutil.rmtree(root)
    runs, image = follower.state / "runs.jsonl", follower.state / "images" / "x.json"
    run = {
        "at": (NOW - timedelta(days=29)).isoformat(),
        "packages": [distribution.entries["alone"][0].descriptor.digest],
    }
    runs.write_text(json.dumps(run) + "\n" + '{"at": "cut o')
    image.parent.mkdir()
    image.write_text(
        json.dumps({"set": {"packages": [{"descriptor": distribution.entries["say"][0].descriptor.digest}]}})
    )
    collect(follower)
    assert {path.name.split("-")[0] for path in follower.cache.root.glob("[a-z]*")} == {"alone", "say"}
    assert has_archive(follower, distribution)
    assert has_archive(follower, distribution, "say")
    assert not has_archive(follower, distribution, "greet")

    runs.write_text(json.dumps({**run, "at": (NOW - timedelta(days=31)).isoformat()}) + "\n")
    image.unlink()
    collect(follower)
    assert list(follower.cache.root.glob("[a-z]*")) == []


def test_what_another_state_of_the_machine_refers_to_stays(
    distribution: SmallDistribution, follower: Host, root: Path, tmp_path: Path
) -> None:
    other = Host(tmp_path / "others-state", tmp_path / "shared")
    assert distribution.founded is not None
    other.subscriptions.subscribe(str(distribution.public), "edge", distribution.founded.fingerprint)
    install(other, root, "alone")
    install(follower, tmp_path / "mine", "greet")
    shutil.rmtree(tmp_path / "mine")
    collect(follower)
    assert versions(follower) == {"1.0"}
    shutil.rmtree(tmp_path / "others-state")
    collect(follower)
    assert versions(follower) == set()


def test_what_was_built_here_stays(follower: Host, root: Path) -> None:
    install(follower, root, "alone")
    built = follower.blobs.put_bytes(b"an archive of a local build")
    tree = follower.cache.root / "built-1.0-abcdefgh"
    tree.mkdir()
    follower.cache.record(tree.name).write_text(Manifest.of(()).tree_digest)
    shutil.rmtree(root)
    collect(follower)
    assert follower.blobs.has(built)
    assert tree.exists()


def test_while_something_is_built_packages_of_the_cache_stay(
    distribution: SmallDistribution, follower: Host, root: Path, tmp_path: Path
) -> None:
    upgraded(follower, distribution, root, "2.0")
    attempts = tmp_path / "shared" / "attempts"
    (attempts / "1").mkdir(parents=True)
    (attempts / ".identity").write_text("of this host")  # stays when nothing is built
    garbage = collect(follower)
    assert (garbage.building, garbage.packages) == (True, [])
    assert versions(follower) == {"1.0", "2.0"}
    (attempts / "1").rmdir()
    assert not collect(follower).building


def test_the_newest_verified_release_can_still_be_searched_without_the_repository(
    distribution: SmallDistribution, follower: Host, root: Path
) -> None:
    upgraded(follower, distribution, root, "2.0")
    catalogue = follower.catalogue()
    assert len(list(catalogue.listings())) == 3
    collect(follower)
    shutil.rmtree(distribution.public / "blobs")
    assert len(list(catalogue.listings())) == 3
    assert [package.name for package in catalogue.verified(["alone"])] == ["alone"]


def test_the_cache_is_read_through_once_a_month(distribution: SmallDistribution, tmp_path: Path, root: Path) -> None:
    heard: list[str] = []
    host = Host(tmp_path / "state", tmp_path / "shared", heard.append)
    assert distribution.founded is not None
    host.subscriptions.subscribe(str(distribution.public), "edge", distribution.founded.fingerprint)
    (package,) = install(host, root, "alone").set.packages
    now = datetime.now(UTC)
    collect_garbage(host, now)
    (host.cache.path(package.store) / "share/alone/file").unlink()
    collect_garbage(host, now + timedelta(days=SCRUB_DAYS - 1))
    assert heard == []
    collect_garbage(host, now + timedelta(days=SCRUB_DAYS + 1), dry_run=True)
    assert heard == []
    collect_garbage(host, now + timedelta(days=SCRUB_DAYS + 1))
    (warning,) = heard
    assert package.store in warning
    assert not host.cache.path(package.store).exists()


def test_a_part_of_a_download_goes(follower: Host, root: Path) -> None:
    install(follower, root, "alone")
    part = follower.blobs.root / "partial" / Digest.of(b"x").hex
    part.parent.mkdir()
    part.write_bytes(b"x" * 1000)
    assert collect(follower, dry_run=True).size == 1000
    assert collect(follower).size == 1000
    assert not part.exists()


def test_downloads_in_quarantine_go(follower: Host, root: Path) -> None:
    install(follower, root, "alone")
    quarantine = Quarantine(follower.blobs)
    with quarantine.writer() as writer:
        writer.write(b"x" * 1000)
        digest = writer.commit()
    assert collect(follower, dry_run=True).size == 1000
    assert collect(follower).size == 1000
    assert not quarantine.release(digest)


def test_a_state_that_cannot_be_read_stops_it(distribution: SmallDistribution, follower: Host, root: Path) -> None:
    upgraded(follower, distribution, root, "2.0")
    (root / ".farm/generations/2/generation.json").write_text("{")
    with pytest.raises(RootError, match="cannot read the generation"):
        collect(follower)
    assert versions(follower) == {"1.0", "2.0"}


def test_installs_and_clearing_up_at_once_do_each_other_no_harm(
    distribution: SmallDistribution, follower: Host, tmp_path: Path
) -> None:
    stop = threading.Event()

    def clear() -> None:
        while not stop.is_set():
            collect(follower)

    def install_often(name: str) -> int:
        for _ in range(5):
            root = tmp_path / name
            install(follower, root, name)
            whole(follower, root)
            gone = root.with_name(f"{name}-gone")
            root.rename(gone)
            shutil.rmtree(gone)
        return 0

    # Its own process, to test the lock between processes; started while this one holds no lock to inherit.
    child = fork(lambda: install_often("greet"))
    with ThreadPoolExecutor(1) as pool:
        clearing = pool.submit(clear)
        try:
            install_often("alone")
            assert exit_status(child) == 0
        finally:
            stop.set()
        clearing.result()
    collect(follower)
    assert list(follower.cache.root.glob("[a-z]*")) == []
