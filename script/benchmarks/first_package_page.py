"""Row 16: the page of a package right after the web process has started, and the same page again.

The farm has one release of many packages, each with about eight needs. The process is `python -m web`, on the loopback,
and is started anew for each round; it has answered that it is ready before the first page is requested.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx

from farm.errors import FarmError
from script.benchmarks.measurement import interleave
from script.benchmarks.servers import free_port
from script.benchmarks.stored_farm import fill, write_settings
from script.benchmarks.synthetic_set import synthetic_packages
from script.benchmarks.table import Goal, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from script.benchmarks.ground import Ground
    from script.benchmarks.measurement import Measurement
    from script.benchmarks.synthetic_set import SyntheticPackage

NUMBER = 16
TITLE = "the first page of a package after a restart"
SIZES = (100, 5_000)
_FIRST, _AGAIN = "the first page after a restart", "the same page again"
_START_SECONDS = 60


def measure(ground: Ground, rounds: int, sizes: Sequence[int] = SIZES) -> Iterator[Table]:
    """Time the pages of the package that most others need, in farms of these sizes."""
    for size in sizes:
        ground.say(f"storing a farm of {size:,} packages")
        packages = synthetic_packages(size)
        directory = ground.directory / str(size)
        directory.mkdir()
        settings = write_settings(directory, ground.settings.recipes)
        fill(settings, packages)
        name, users = most_needed(packages)
        page = WebPage(settings, f"packages/{name}")
        measured = page.timed(rounds)
        yield Table(
            f"{NUMBER}. {TITLE[0].upper()}{TITLE[1:]}, {size:,} packages",
            _AGAIN,
            measured,
            (Goal(_FIRST, _AGAIN, 2.0),),
            f"{users:,} packages need the package of the page.",
        )


def most_needed(packages: Sequence[SyntheticPackage]) -> tuple[str, int]:
    """Return the package that most others need, and how many do."""
    users = dict.fromkeys((package.number for package in packages), 0)
    for package in packages:
        for need, _ in package.needs:
            users[need] += 1
    most = max(packages, key=lambda package: users[package.number])
    return most.name, users[most.number]


class WebPage:
    """A page of a web process, which can be started anew."""

    def __init__(self, settings: Path, path: str) -> None:
        self._settings = settings
        self._path = path
        self._process: subprocess.Popen[bytes] | None = None
        self._client = httpx.Client()

    def timed(self, rounds: int) -> tuple[Measurement, ...]:
        """Return the times of the page after a restart, and of the same page again."""
        try:
            return tuple(interleave({_FIRST: self.get, _AGAIN: self.get}, rounds, before=self._before))
        finally:
            self.stop()

    def _before(self, contender: str) -> None:
        if contender == _FIRST:
            self.restart()

    def get(self) -> str:
        """Return the page."""
        return self._client.get(self._path).raise_for_status().text

    def restart(self) -> None:
        """End the process if there is one, start it, and wait until it is ready."""
        self.stop()
        host, port = free_port()
        command = [sys.executable, "-m", "web", "--settings", str(self._settings), "--host", host, "--port", str(port)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self._client = httpx.Client(base_url=f"http://{host}:{port}")
        end = time.monotonic() + _START_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > end:
                raise FarmError("the web process does not start")
            time.sleep(0.05)

    def stop(self) -> None:
        """End the process."""
        self._client.close()
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def _is_ready(self) -> bool:
        try:
            return self._client.get("api/v1/ready").is_success
        except httpx.TransportError:
            return False
