"""Roots by the command: its output before it changes something, and its errors when it cannot."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from farm.client.repository.host import Host
from farm.client.root.generations import Root
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.repository import Repository
from tests.client.distribution import SmallDistribution
from tests.client.whole import leftovers, whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.scenarios.farm import Farm

LARGE = random.Random(2).randbytes(1_500_000).hex()
MOUNTS = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")


class Subscriber:
    """A host that has installed `greet` from release 1, after release 2 with another `say` is published."""

    def __init__(self, farm: Farm) -> None:
        self.farm = farm
        self.root = farm.root / "root"
        self.distribution = SmallDistribution(farm.root / "published")
        self.distribution.package("greet", {"bin/greet": "#!/usr/bin/say\n"})
        self.distribution.package("say", {"bin/say": "\x7fnot elf", "etc/say.conf": "loud\n"})
        self.distribution.package("alone", {"share/alone/file": "alone\n"})
        self.distribution.publish()
        assert self.distribution.founded is not None
        fingerprint = self.distribution.founded.fingerprint
        self.farm.run("subscribe", str(self.distribution.public), "edge", "--fingerprint", fingerprint).done()
        self.farm.run("install", "greet", "--root", "root").done()
        self.distribution.package("say", {"bin/say": "louder", "share/say/large": LARGE}, version="1.1")
        self.distribution.publish()

    def expire(self) -> None:
        assert self.distribution.founded is not None
        signers = read_signers(self.distribution.founded.online)
        Repository(self.distribution.public).refresh_timestamp(signers, datetime(2026, 1, 1, tzinfo=UTC))

    def holds(self, number: int, says: str) -> None:
        assert whole(Host(self.farm.state, self.farm.host), self.root).number == number
        assert (self.root / "usr/bin/say").read_text() == says

    def as_before(self) -> None:
        self.holds(1, "\x7fnot elf")


@pytest.fixture
def subscriber(tree: Farm) -> Subscriber:
    return Subscriber(tree)


@contextmanager
def mounted(place: Path, *options: str) -> Iterator[None]:
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", *options, place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


def test_an_upgrade_says_what_changes_does_it_and_is_undone_by_one_step(subscriber: Subscriber) -> None:
    farm = subscriber.farm
    said = farm.run("upgrade", "--root", "root", "--dry-run").done().output.splitlines()
    assert said[0] == "say 1.0-1 → 1.1-1"
    assert said[-1] == "root: would be 2 packages from release 2 of dist.example.org/edge; nothing was changed"
    subscriber.as_before()
    done = farm.run("upgrade", "--root", "root").done().output.splitlines()
    assert done[:-1] == said[:-1]
    assert done[-1] == "root: generation 2, 2 packages from release 2 of dist.example.org/edge"
    subscriber.holds(2, "louder")
    assert farm.run("upgrade", "--root", "root").done().output == (
        "root: nothing changes: generation 2, 2 packages from release 2 of dist.example.org/edge\n"
    )
    assert farm.run("rollback", "--root", "root").done().output == (
        "say 1.1-1 → 1.0-1\nroot: generation 1, release 1 of dist.example.org/edge\n"
    )
    subscriber.as_before()
    farm.run("rollback", "--root", "root", "2").done()
    subscriber.holds(2, "louder")


def test_what_a_root_holds_is_listed_for_people_and_programs(subscriber: Subscriber) -> None:
    farm = subscriber.farm
    farm.run("upgrade", "--root", "root").done()
    lines = farm.run("list", "--root", "root").done().output.splitlines()
    assert lines[0] == "root: generation 2, release 2 of dist.example.org/edge"
    assert [line.split() for line in lines[2:]] == [
        ["PACKAGE", "VERSION", "ASKED", "FOR", "RELEASE"],
        ["greet", "1.0-1", "yes", "dist.example.org/edge", "2"],
        ["say", "1.1-1", "dist.example.org/edge", "2"],
    ]
    form = farm.json("list", "--root", "root")
    assert (form["generation"], form["asked"], len(form["packages"])) == (2, ["greet"], 2)
    assert [package["asked"] for package in form["packages"]] == [True, False]
    states = farm.json("list", "--root", "root", "--generations")
    assert [(state["generation"], state["why"], state["current"]) for state in states] == [
        (1, "install greet", False),
        (2, "upgrade", True),
    ]
    assert [change["name"] for change in states[1]["changes"]] == ["say"]
    listed = farm.run("list", "--root", "root", "--generations").done().output
    assert "upgrade  (current)\n   say 1.0-1 → 1.1-1\n" in listed


def test_a_set_is_locked_and_had_again_by_another_host(subscriber: Subscriber) -> None:
    farm = subscriber.farm
    lock = farm.root / "farm.lock"
    lock.write_text(farm.run("lock", "--root", "root").done().output)
    assert farm.run("lock", "greet").done().output != lock.read_text()
    farm.run("install", "--root", "other", "alone").done()
    farm.setting(FARM_HOST=str(farm.root / "host-2"))
    said = farm.run("install", "--root", "other", "--locked", "farm.lock").done().output
    assert said.splitlines()[0] == "alone 1.0-1, gone"
    assert (farm.root / "other/usr/bin/say").read_text() == "\x7fnot elf"
    lock.write_text(lock.read_text().replace('"number": 1', '"number": 7'))
    farm.numbering_digests().run("install", "--root", "other", "--locked", "farm.lock").refused("lock-of-no-release")
    farm.run("install", "--root", "other", "--locked", "other.lock").refused("no-lock-file")


def test_what_nothing_needs_is_removed(subscriber: Subscriber) -> None:
    farm = subscriber.farm
    farm.run("upgrade", "--root", "root").done()
    said = farm.run("gc", "--keep", "1", "--dry-run").done().output
    assert "would be removed: 1 generation, 1 package, " in said
    form = farm.json("gc", "--keep", "1")
    assert [generation["number"] for generation in form["generations"]] == [1]
    assert [store.split("-")[:2] for store in form["packages"]] == [["say", "1.0"]]
    assert farm.run("gc").done().output == "removed: 0 generations, 0 packages, 0 blobs; 0 B\n"
    subscriber.holds(2, "louder")
    farm.run("gc", "--root", "elsewhere").refused("gc-of-no-root")


def test_an_expired_channel_stops_the_upgrade_and_nothing_else(subscriber: Subscriber) -> None:
    farm = subscriber.farm
    farm.run("install", "--root", "root", "alone").done()
    farm.run("rollback", "--root", "root").done()
    subscriber.expire()
    farm.run("upgrade", "--root", "root").refused("expired-timestamp")
    subscriber.as_before()
    farm.run("rollback", "--root", "root", "2").done()
    farm.run("remove", "--root", "root", "greet").done()
    farm.run("list", "--root", "root").done()
    farm.run("gc").done()
    assert (subscriber.root / "usr/share/alone/file").read_text() == "alone\n"


REFUSALS: dict[str, tuple[int, str]] = {
    "upgrade-of-nothing": (1, "upgrade --root elsewhere"),
    "rollback-of-nothing": (1, "rollback --root elsewhere"),
    "list-of-nothing": (1, "list --root elsewhere"),
    "rollback-in-another-directory": (1, "rollback --root others"),
    "remove-in-another-directory": (1, "remove --root others say"),
    "no-earlier-generation": (1, "rollback --root root"),
    "no-such-generation": (1, "rollback --root root 7"),
    "remove-what-is-needed": (1, "remove --root root say"),
    "remove-what-is-not-there": (1, "remove --root root gret"),
    "install-nothing": (2, "install --root root"),
    "install-locked-and-named": (2, "install --root root --locked farm.lock jq"),
    "lock-nothing": (2, "lock"),
    "rollback-of-a-root-and-a-channel": (2, "rollback --root root edge 3"),
    "rollback-of-a-root-with-a-reason": (2, "rollback --root root --why x"),
    "rollback-to-what-is-no-number": (2, "rollback --root root edge"),
    "keep-no-generation": (2, "gc --keep 0"),
}


def test_what_cannot_be_done_is_said(subscriber: Subscriber) -> None:
    (subscriber.farm.root / "others/usr").mkdir(parents=True)  # not of farm, and not empty
    for case, (status, words) in REFUSALS.items():
        subscriber.farm.run(*words.split()).refused(case, status=status)
    assert not (subscriber.farm.root / "elsewhere").exists()
    subscriber.as_before()


@MOUNTS
def test_a_full_disk_is_named_and_all_is_as_before(subscriber: Subscriber) -> None:
    farm = subscriber.farm
    with mounted(farm.root / "small", "-t", "tmpfs", "-o", "size=1m,nr_inodes=1000,mode=0755", "tmpfs"):
        farm.setting(FARM_HOST=str(farm.root / "small"))
        farm.run("upgrade", "--root", "root").refused("full-disk-of-the-host")
    subscriber.as_before()
    farm.setting(FARM_HOST=str(farm.host))
    with mounted(farm.root / "tiny", "-t", "tmpfs", "-o", "size=1m,nr_inodes=1000", "tmpfs"):
        farm.run("install", "--root", "tiny", "alone").done()
        farm.numbering_digests().run("install", "--root", "tiny", "greet").refused("full-disk-of-the-root")
        assert (farm.root / "tiny/usr/share/alone/file").read_text() == "alone\n"
        assert leftovers(farm.root / "tiny") == []
        farm.run("upgrade", "--root", "tiny").done()


@MOUNTS
def test_a_read_only_root_is_named_and_all_is_as_before(subscriber: Subscriber) -> None:
    farm = subscriber.farm
    with mounted(subscriber.root, "--bind", str(subscriber.root)):
        subprocess.run(["mount", "-o", "remount,bind,ro", subscriber.root], check=True)
        farm.run("upgrade", "--root", "root").refused("read-only-root")
        farm.run("list", "--root", "root").done()
        assert "root is unchanged" in farm.run("gc").done().output
        subscriber.as_before()
    farm.run("upgrade", "--root", "root").done()


def test_whoever_waits_for_another_is_told(subscriber: Subscriber) -> None:
    farm = subscriber.farm
    host = Host(farm.state, farm.host)
    message = f"waiting for another farm command that uses {farm.host}\n"
    for held, command in ((host.lock.used(), "gc"), (host.lock.alone(), "upgrade")):
        with held:
            waiting = farm.start(command, *(("--root", "root") if command == "upgrade" else ()))
            assert waiting.stderr is not None
            assert waiting.stderr.readline() == message
        farm.finish(waiting).done()
    with Root(subscriber.root).locked():
        waiting = farm.start("upgrade", "--root", "root")
        assert waiting.stderr is not None
        assert waiting.stderr.readline() == f"waiting for another farm command that uses {subscriber.root}\n"
    farm.finish(waiting).done()


def test_two_upgrades_at_once_come_to_one_state(subscriber: Subscriber) -> None:
    farm = subscriber.farm
    both = [farm.start("upgrade", "--root", "root") for _ in range(2)]
    said = [farm.finish(process).done().output for process in both]
    assert sorted("nothing changes" in output for output in said) == [False, True]
    subscriber.holds(2, "louder")


def test_the_command_killed_at_any_time_is_done_by_the_next(subscriber: Subscriber) -> None:
    farm = subscriber.farm
    begun = time.monotonic()
    farm.run("upgrade", "--root", "root", "--dry-run").done()
    lasts = time.monotonic() - begun
    instants = random.Random(3)
    for _ in range(10):
        command = farm.start("upgrade", "--root", "root")
        time.sleep(instants.uniform(lasts / 2, lasts * 2))
        command.kill()
        command.communicate()
        whole(Host(farm.state, farm.host), subscriber.root)
    farm.run("upgrade", "--root", "root").done()
    subscriber.holds(2, "louder")
    assert leftovers(subscriber.root) == []
    assert json.loads((subscriber.root / ".farm/current/generation.json").read_bytes())["why"] == "upgrade"
