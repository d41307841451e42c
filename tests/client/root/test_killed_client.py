"""A client killed at any instant of an upgrade or of garbage collection leaves a complete state, old or new."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from farm.client.gc.collect import collect_garbage
from farm.client.repository.host import Host
from farm.client.root.generations import Root
from tests.client.distribution import SmallDistribution
from tests.client.installing import install, upgrade
from tests.client.whole import leftovers, whole
from tests.threats.killed import dies_at, fork

if TYPE_CHECKING:
    from pathlib import Path

INSTANTS = 100
FILES = 40
CHANGES_OF_NAMES = frozenset({"os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink"})


@dataclass
class Machine:
    """A host of one folder with one root."""

    folder: Path

    @property
    def host(self) -> Host:
        return Host(self.folder / "state", self.folder / "shared")

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def install(self) -> None:
        install(self.host, self.root, "tools")

    def upgrade(self) -> None:
        upgrade(self.host, self.root)

    def upgrade_and_clear_up(self) -> int:
        self.upgrade()
        collect_garbage(self.host, datetime.now(UTC), keep=1)
        return 0

    def copy(self, folder: Path) -> Machine:
        """Return an equal machine; its files have the hard links of the original's."""
        subprocess.run(["cp", "-a", self.folder, folder], check=True)
        for known in ("state/roots", "shared/states"):  # they name the original's path
            shutil.rmtree(folder / known, ignore_errors=True)
        copied = Machine(folder)
        copied.host.roots.add(copied.root)
        return copied


@dataclass
class Ground:
    """A machine that has release 1 installed, after release 2 has changed every package."""

    machine: Machine
    folder: Path

    def attempt(self) -> Machine:
        shutil.rmtree(self.folder, ignore_errors=True)
        return self.machine.copy(self.folder)


def publish(distribution: SmallDistribution, version: str) -> None:
    noise = random.Random(version)
    for name in ("tools", "library"):
        files = {f"share/{name}/{number}": f"{name} {version} {number}\n" for number in range(FILES)}
        files[f"share/{name}-{version}/large"] = noise.randbytes(400_000).hex()
        files[f"bin/{name}"] = f"{name} {version}\n"
        requires = ("package:library",) if name == "tools" else ()
        distribution.package(name, files, version=version, requires=requires)
    distribution.publish()


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    distribution = SmallDistribution(tmp_path / "distribution")
    publish(distribution, "1.0")
    machine = Machine(tmp_path / "machine")
    assert distribution.founded
    machine.host.subscriptions.subscribe(str(distribution.public), "edge", distribution.founded.fingerprint)
    machine.install()
    publish(distribution, "2.0")
    return Ground(machine, tmp_path / "attempt")


def is_whole(machine: Machine) -> int:
    """Check that the root holds one complete state, and that the next command finishes the work; return its number."""
    state = whole(machine.host, machine.root)
    versions = {package.version for package in state.set.packages}
    assert (state.number, versions) in ((1, {"1.0"}), (2, {"2.0"}))
    machine.upgrade_and_clear_up()
    assert whole(machine.host, machine.root).number == 2
    assert leftovers(machine.root) == []
    assert [generation.number for generation in Root(machine.root).generations()] == [2]
    assert [store for store in Root(machine.root).stores() if "-1.0-" in store] == []
    assert list((machine.folder / "shared" / "blobs" / "partial").iterdir()) == []
    assert list((machine.folder / "shared" / "blobs" / "tmp").iterdir()) == []
    assert [path.name for path in (machine.folder / "shared" / "packages").iterdir() if "-1.0-" in path.name] == []
    assert list((machine.folder / "shared" / "packages" / ".work").iterdir()) == []
    return state.number


def test_a_client_killed_at_a_hundred_random_instants_leaves_a_whole_state(ground: Ground) -> None:
    begun = time.monotonic()
    os.waitpid(fork(ground.attempt().upgrade_and_clear_up), 0)
    lasts = time.monotonic() - begun
    instants = random.Random(4)
    seen: list[int] = []
    killed = 0
    for _ in range(INSTANTS):
        machine = ground.attempt()
        child = fork(machine.upgrade_and_clear_up)
        time.sleep(instants.uniform(0, lasts))
        os.kill(child, signal.SIGKILL)
        killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        seen.append(is_whole(machine))
    assert killed > INSTANTS // 4
    assert set(seen) == {1, 2}


def test_a_client_killed_at_every_change_of_a_name_leaves_a_whole_state(ground: Ground) -> None:
    seen: set[int] = set()
    touch = 0
    while True:
        touch += 1
        machine = ground.attempt()
        killed = dies_at(touch, machine.upgrade_and_clear_up, str(machine.folder), touches=CHANGES_OF_NAMES)
        seen.add(is_whole(machine))
        if not killed:
            break
    assert touch > 60
    assert seen == {1, 2}


def test_a_first_install_that_is_killed_is_done_by_the_next(ground: Ground) -> None:
    empty = ground.attempt()
    shutil.rmtree(empty.root)
    for touch in range(1, 200, 9):
        machine = empty.copy(ground.folder.with_name("first"))
        killed = dies_at(touch, machine.install, str(machine.folder), touches=CHANGES_OF_NAMES)
        machine.install()
        assert whole(machine.host, machine.root).number == 1
        assert leftovers(machine.root) == []
        shutil.rmtree(machine.folder)
        if not killed:
            return
    raise AssertionError("the client never came to its end")
