"""Changes of a root: upgraded, rolled back, reduced; announced before they happen, and undone by one step."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.client.repository.progress import NoProgress
from farm.client.root.generation import Generation
from farm.client.root.generations import Root, RootError
from farm.client.root.installation import (
    Change,
    RootRequest,
    install_packages,
    remove_packages,
    roll_back,
    upgrade_root,
)
from farm.core.names.digest import Digest
from tests.client.distribution import SmallDistribution
from tests.client.installing import install
from tests.client.whole import leftovers, whole
from tests.refusing import refuses

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from farm.client.repository.host import Host
    from farm.core.plan.job import BlobRef


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def follower(host: Host, distribution: SmallDistribution) -> Host:
    """A host that follows the channel."""
    assert distribution.founded is not None
    host.subscriptions.subscribe(str(distribution.public), "edge", distribution.founded.fingerprint)
    return host


class Heard(NoProgress):
    """The announced changes, and the archives that arrived."""

    def __init__(self) -> None:
        self.announced: list[Change] = []
        self.arrived: list[BlobRef] = []

    def announce(self, planned: object) -> None:
        assert isinstance(planned, Change)
        self.announced.append(planned)

    def fetch(self, size: int) -> AbstractContextManager[Callable[[BlobRef], None]]:
        assert [words(change) for change in self.announced] == [["say 1.0-1 → 1.1-1"]]  # announced before the change
        assert size == self.announced[0].fetched
        return nullcontext(self.arrived.append)


def upgrade(host: Host, root: Path, *, dry_run: bool = False) -> Change:
    return upgrade_root(host, RootRequest(root, dry_run=dry_run))


def remove(host: Host, root: Path, *names: str, dry_run: bool = False) -> Change:
    return remove_packages(host, RootRequest(root, names, dry_run=dry_run))


def louder(distribution: SmallDistribution) -> None:
    distribution.package("say", {"bin/say": "louder", "etc/say.conf": "loud\n"}, version="1.1")
    distribution.publish()


def words(change: Change) -> list[str]:
    return [str(package) for package in change.packages]


def everything(folder: Path) -> dict[str, int]:
    """Return every path with attributes that reveal a write."""
    return {str(path): path.lstat().st_mtime_ns for path in folder.rglob("*")}


def test_an_upgrade_brings_what_was_asked_for_and_fetches_what_changed(
    distribution: SmallDistribution, follower: Host, root: Path
) -> None:
    install(follower, root, "greet", "alone")
    louder(distribution)
    heard = Heard()
    change = upgrade_root(follower, RootRequest(root), heard)
    assert heard.arrived == [distribution.entries["say"][0].archive]
    assert (change.after.number, change.after.why) == (2, "upgrade")
    assert whole(follower, root) == change.after
    assert (root / "usr/bin/say").read_text() == "louder"


def test_a_dry_run_says_the_same_and_touches_nothing(
    distribution: SmallDistribution, follower: Host, root: Path, tmp_path: Path
) -> None:
    unmade = tmp_path / "unmade"
    install_packages(follower, RootRequest(unmade, ("greet",), dry_run=True))
    assert not unmade.exists()
    install(follower, root, "greet")
    louder(distribution)
    before = everything(root)
    change = upgrade(follower, root, dry_run=True)
    assert words(change) == ["say 1.0-1 → 1.1-1"]
    assert words(remove(follower, root, "greet", dry_run=True)) == ["greet 1.0-1, gone", "say 1.0-1, gone"]
    assert everything(root) == before


def test_a_release_that_changes_nothing_makes_no_state_and_is_written_down(
    distribution: SmallDistribution, follower: Host, root: Path
) -> None:
    install(follower, root, "alone")
    louder(distribution)
    change = upgrade(follower, root)
    assert change.nothing
    state = whole(follower, root)
    assert (state.number, [release.number for release in state.set.releases]) == (1, [2])


def test_what_somebody_took_out_of_a_root_is_put_back(follower: Host, root: Path) -> None:
    state = install(follower, root, "greet")
    shutil.rmtree(root / "packages" / state.set.packages[0].store)
    upgrade(follower, root)
    whole(follower, root)


def test_one_goes_back_a_step_at_a_time_and_forward_by_number(
    distribution: SmallDistribution, follower: Host, root: Path
) -> None:
    install(follower, root, "alone")
    install(follower, root, "greet")
    louder(distribution)
    upgrade(follower, root)
    assert words(roll_back(Root(root))) == ["say 1.1-1 → 1.0-1"]
    assert whole(follower, root).number == 2
    roll_back(Root(root))
    assert whole(follower, root).number == 1
    with refuses("no-such-generation", match="keeps no generation before 1"):
        roll_back(Root(root))
    roll_back(Root(root), 3)
    assert whole(follower, root).number == 3
    with refuses("no-such-generation", match="has no generation 7; there are 1, 2, 3"):
        roll_back(Root(root), 7)


def test_a_state_whose_packages_are_gone_is_not_gone_back_to(follower: Host, root: Path) -> None:
    first = install(follower, root, "greet")
    install(follower, root, "alone")
    store = first.set.packages[0].store
    shutil.rmtree(root / "packages" / store)
    with pytest.raises(RootError, match=f"is incomplete, missing packages: {store}"):
        roll_back(Root(root))
    state = Root(root).current()
    assert state is not None
    assert state.number == 2


def test_removing_takes_what_nothing_else_needs_and_upgrades_nothing(
    distribution: SmallDistribution, follower: Host, root: Path
) -> None:
    install(follower, root, "greet", "say", "alone")
    louder(distribution)
    assert words(remove(follower, root, "greet")) == ["greet 1.0-1, gone"]
    assert [package.full_version for package in whole(follower, root).set.packages] == ["1.0-1", "1.0-1"]
    assert words(remove(follower, root, "dist.example.org/say")) == ["say 1.0-1, gone"]
    assert words(remove(follower, root, "alone")) == ["alone 1.0-1, gone"]
    assert whole(follower, root).set.packages == ()
    assert not (root / "usr/bin").exists()


def test_removing_needs_no_network(distribution: SmallDistribution, follower: Host, root: Path) -> None:
    install(follower, root, "greet", "alone")
    shutil.rmtree(distribution.public)
    remove(follower, root, "greet")
    assert [package.name.short for package in whole(follower, root).set.packages] == ["alone"]


def test_only_what_was_asked_for_is_removed(follower: Host, root: Path) -> None:
    install(follower, root, "greet")
    with refuses("not-asked-for", match="say was not requested") as caught:
        remove(follower, root, "say")
    assert "Requested there: greet" in caught.value.remedy
    with refuses("not-asked-for", match="alone is not installed"):
        remove(follower, root, "alone")


def test_a_root_of_one_distribution_takes_nothing_of_another(follower: Host, root: Path, tmp_path: Path) -> None:
    install(follower, root, "alone")
    other = SmallDistribution(tmp_path / "other", domain="other.example")
    other.package("alone", {"share/alone/file": "another\n"})
    other.publish()
    assert other.founded is not None
    follower.subscriptions.subscribe(str(other.public), "edge", other.founded.fingerprint)
    with pytest.raises(RootError, match=r"holds packages of dist\.example\.org, not of other\.example"):
        install(follower, root, "alone", channel="other.example/edge")
    assert (root / "usr/share/alone/file").read_text() == "alone\n"


def test_a_root_is_known_before_it_is_changed(follower: Host, root: Path) -> None:
    class Broken(NoProgress):
        def fetch(self, size: int) -> AbstractContextManager[Callable[[BlobRef], None]]:
            assert follower.roots.all() == (root,)
            raise OSError(f"the network is gone: {size}")

    with pytest.raises(OSError, match="the network is gone"):
        install_packages(follower, RootRequest(root, ("alone",)), Broken())


def test_what_a_killed_client_has_left_is_removed_by_the_next(follower: Host, root: Path) -> None:
    install(follower, root, "alone")
    for left in ("packages/.greet-1.0-x.ab/bin", ".farm/generations/.7.cd/usr"):
        (root / left).mkdir(parents=True)
    (root / ".farm/generations/2").mkdir()
    (root / ".farm/.made.ef").symlink_to("generations/2")
    (root / ".farm/.current.ef").symlink_to("generations/1")
    (root / ".farm/generations/1/.generation.json.ab").touch()
    assert install(follower, root, "greet").number == 2
    assert leftovers(root) == []
    assert not (root / ".farm/generations/1/.generation.json.ab").exists()


def test_many_clients_at_once_all_count(distribution: SmallDistribution, follower: Host, root: Path) -> None:
    for number in range(8):
        distribution.package(f"tool{number}", {f"bin/tool{number}": "x"})
    distribution.publish()
    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(lambda number: install(follower, root, f"tool{number}"), range(8)))
    assert sorted(state.number for state in states) == list(range(1, 9))
    assert len(whole(follower, root).set.packages) == 8


def test_a_cache_that_was_damaged_is_mended(distribution: SmallDistribution, follower: Host, tmp_path: Path) -> None:
    install(follower, tmp_path / "one", "greet")
    archive = distribution.entries["greet"][0].archive.digest
    for store in list(follower.cache.root.glob("greet-*")):
        follower.cache.remove(store.name)
    follower.blobs.path(archive).chmod(0o644)
    follower.blobs.path(archive).write_bytes(b"x" * follower.blobs.size(archive))
    install(follower, tmp_path / "two", "greet")
    whole(follower, tmp_path / "two")
    for store in list(follower.cache.root.glob("greet-*")):
        follower.cache.remove(store.name)
    follower.blobs.delete(archive)
    install(follower, tmp_path / "three", "greet")
    whole(follower, tmp_path / "three")


def test_a_record_of_the_first_format_is_still_read() -> None:
    form = {
        "format": 1,
        "number": 4,
        "distribution": "dist.example.org",
        "channel": "edge",
        "release": 7,
        "package-set": Digest.of(b"set"),
        "asked": ["base-files"],
        "packages": [[Digest.of(b"descriptor"), "base-files-1.0-abcdefgh"]],
    }
    state = Generation.from_json(json.dumps(form).encode())
    assert (state.number, state.releases) == (4, "release 7 of dist.example.org/edge")
    (package,) = state.set.packages
    assert (str(package.name), package.version) == ("dist.example.org/base-files", "1.0")


@pytest.mark.parametrize("content", [b"", b"[]", b'{"format": 3}', b'{"format": 2, "number": 1}', b'{"format": 1}'])
def test_what_is_no_record_is_refused(content: bytes) -> None:
    with refuses("invalid-generation"):
        Generation.from_json(content)


def test_a_record_that_cannot_be_read_is_named(follower: Host, root: Path) -> None:
    install(follower, root, "alone")
    (root / ".farm/current/generation.json").write_text("{")
    with pytest.raises(RootError, match="cannot read the generation") as caught:
        Root(root).current()
    assert "generation.json" in caught.value.remedy


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_a_root_that_is_read_only_is_named_and_goes_on_working(follower: Host, root: Path) -> None:
    install(follower, root, "alone")
    subprocess.run(["mount", "--bind", root, root], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", root], check=True)
        for change in (lambda: install(follower, root, "greet"), lambda: roll_back(Root(root))):
            with pytest.raises(RootError, match=r"cannot write to .*: Read-only file system") as caught:
                change()
            assert "goes on working" in caught.value.remedy
        assert whole(follower, root).number == 1
    finally:
        subprocess.run(["umount", root], check=True)


def test_one_goes_back_to_a_whole_state_though_the_record_of_the_current_one_is_damaged(
    distribution: SmallDistribution, follower: Host, root: Path
) -> None:
    place = Root(root)
    first = install(follower, root, "greet")
    louder(distribution)
    second = upgrade(follower, root).after
    record = place.links(second) / "generation.json"
    record.write_text("bad")
    with pytest.raises(RootError, match="cannot read the generation") as raised:
        roll_back(place)
    assert "`farm rollback --root` with a number. There are 1, 2." in raised.value.remedy
    change = roll_back(place, first.number)
    assert (change.before, change.after.number) == (None, first.number)
    assert place.installed().set == first.set


def test_what_is_no_root_of_farms_is_not_remembered_as_one(follower: Host, root: Path) -> None:
    root.mkdir()
    (root / "passwd").touch()
    with pytest.raises(RootError):
        install(follower, root, "greet")
    assert not follower.roots.all()


def test_a_new_disk_is_an_empty_root(follower: Host, root: Path) -> None:
    (root / "lost+found").mkdir(parents=True)
    install(follower, root, "greet")
    assert (root / "usr/bin/greet").exists()


def test_an_install_is_done_though_nobody_reads_what_it_says(follower: Host, root: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    environment = os.environ | {"FARM_STATE": str(follower.state), "FARM_HOST": str(follower.cache.root.parent)}
    command = [Path(sys.executable).with_name("farm"), "install", "--root", root, "greet"]
    done = subprocess.run(command, env=environment, stdout=writing, check=False)
    os.close(writing)
    assert done.returncode == 0
    assert (root / "usr/bin/greet").exists()
