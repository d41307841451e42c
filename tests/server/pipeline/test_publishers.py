"""Publishers that are killed, and two at once: a client sees one complete release or the next complete one."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from farm.client.repository.host import Host
from farm.server.pipeline.repository.next_release import make_release
from farm.store.blobs import BlobStore
from farm.trust.ceremony.ceremony import Founded, found_repository
from tests.client.distribution import DISTRIBUTION, SmallDistribution

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.trust.index.release_index import Release


@dataclass
class BuiltDistribution(SmallDistribution):
    """The packages and releases are built here, for a publisher to bring into the repository."""

    @property
    def blobs(self) -> BlobStore:
        return BlobStore(self.folder / "built")

    def found(self) -> Founded:
        return found_repository(
            self.public, self.folder / "keys", ["edge"], [self.builder.public_key], datetime.now(UTC)
        )

    def release(self, previous: Release | None, *names: str) -> tuple[Release, dict[str, Any]]:
        """Make the release with these packages changed, and the order to publish it."""
        put = [self.entries[name][0] for name in names]
        release, index = make_release(
            previous, put, (), distribution=DISTRIBUTION, channel="edge", now=datetime.now(UTC), read=self.read
        )
        self.keep(release.to_json())
        order = {
            "release": release.digest,
            "index": [self.keep(blob).digest for blob in index],
            "put": [self.keep(entry.to_json()).digest for entry in put],
            "kill": -1,
        }
        return release, order

    @contextmanager
    def publisher(self) -> Iterator[Publisher]:
        assert self.founded
        arguments = (self.public, self.folder / "built", self.founded.online)
        with subprocess.Popen(
            [sys.executable, "-m", "tests.server.pipeline.publisher", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            yield Publisher(process)


@dataclass
class Publisher:
    process: subprocess.Popen[str]

    def send(self, order: dict[str, Any], *, kill: int = -1) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({**order, "kill": kill}) + "\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def publish(self, order: dict[str, Any], *, kill: int = -1) -> str:
        self.send(order, kill=kill)
        return self.answer()


@dataclass
class Watcher:
    """A client that polls the channel all the time, and records what it saw."""

    host: Host
    seen: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    trouble: list[Exception] = field(default_factory=list)

    def look(self) -> int:
        """Read the whole set and verify the package that changes; return the release's number."""
        catalogue = self.host.catalogue()
        catalogue.verified(["changing"])
        self.seen.append(
            (catalogue.release.number, {listing.name: listing.version for listing in catalogue.listings()})
        )
        return catalogue.release.number

    @contextmanager
    def looking(self) -> Iterator[None]:
        stop = threading.Event()

        def look_on() -> None:
            while not stop.wait(0.01):
                try:
                    self.look()
                except Exception as error:  # noqa: BLE001  # whatever it is, the test fails by it
                    self.trouble.append(error)

        thread = threading.Thread(target=look_on)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


@pytest.fixture
def built(tmp_path: Path) -> BuiltDistribution:
    built = BuiltDistribution(tmp_path)
    built.founded = built.found()
    for number in range(40):  # so that the index has branches
        built.package(f"steady{number}", {f"share/steady{number}/number": str(number)})
    built.package("changing", {"share/changing/version": "0"}, version="0")
    return built


def subscribed(built: BuiltDistribution, folder: Path) -> Host:
    host = Host(folder / "state", folder / "shared")
    assert built.founded
    host.subscriptions.subscribe(str(built.public), "edge", built.founded.fingerprint)
    return host


@pytest.mark.scenario
def test_a_publisher_that_is_killed_at_any_write_leaves_the_old_set_or_the_new_and_another_one_finishes(
    built: BuiltDistribution, tmp_path: Path
) -> None:
    with built.publisher() as publisher:
        release, order = built.release(None, *built.entries)
        assert publisher.publish(order) == "published"
        sets = {1: {name: entry.version for name, (entry, _) in built.entries.items()}}
        watching, looking = (Watcher(subscribed(built, tmp_path / name)) for name in ("watching", "looking"))
        with watching.looking():
            write, killed_after_it_was_seen, last = 0, 0, 0
            # Some releases take one write more than others: the last numbers are tried until one was the last write.
            while not last or (not killed_after_it_was_seen and write < last + 20):
                version = str(release.number)
                built.package("changing", {"share/changing/version": version}, version=version)
                after, order = built.release(release, "changing")
                sets[after.number] = sets[release.number] | {"changing": version}
                kill = write if not last else last - 1 - write % 3
                if publisher.publish(order, kill=kill) == "published":
                    last = last or write  # there is no write with this number
                else:
                    assert looking.look() in {release.number, after.number}
                    killed_after_it_was_seen += looking.seen[-1][0] == after.number
                    assert publisher.publish(order) == "published"
                assert looking.look() == after.number
                release, write = after, write + 1
    # Blobs, target, role, snapshot and timestamp are each flushed and renamed; the last flush comes after the rename.
    assert last > 30
    assert killed_after_it_was_seen >= 1
    assert watching.trouble == []
    numbers = [number for number, _ in watching.seen]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) > 2  # how many it sees depends on the machine
    for watcher in (watching, looking):
        assert all(found == sets[number] for number, found in watcher.seen)


def test_of_two_publishers_at_once_one_wins_and_the_other_is_refused_as_stale(
    built: BuiltDistribution, tmp_path: Path
) -> None:
    with built.publisher() as one, built.publisher() as other:
        base, order = built.release(None, *built.entries)
        assert one.publish(order) == "published"
        client = Watcher(subscribed(built, tmp_path / "client"))
        for version in "123456":
            orders = []
            for suffix, publisher in ((".1", one), (".2", other)):
                built.package("changing", {"share/changing/version": version + suffix}, version=version + suffix)
                orders.append(built.release(base, "changing"))
                publisher.send(orders[-1][1])
            answers = [one.answer(), other.answer()]
            assert sorted(answers) == ["published", "stale-release"]
            base = orders[answers.index("published")][0]
            assert client.look() == base.number
            assert client.seen[-1][1]["changing"] == version + ("." + str(answers.index("published") + 1))
