"""The servers that clients fetch from: a static web server and a registry on the loopback, which count sent bytes."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ANSWER = re.compile(rb'"GET \S+ HTTP/1\.[01]" 20[06] (\d+)')
_START_SECONDS = 10


@dataclass(frozen=True)
class CountingServer:
    """A server that runs at `host` (address and port). Its access log has what it sent."""

    host: str
    log: Path

    @property
    def address(self) -> str:
        """Its URL."""
        return f"http://{self.host}"

    def sent(self) -> int:
        """Return the bytes of all contents sent so far; without HTTP's overhead."""
        return sum(int(size) for size in _ANSWER.findall(self.log.read_bytes()))


def free_port() -> tuple[str, int]:
    """Return an address of the loopback and a port of it that nothing uses now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return "127.0.0.1", free.getsockname()[1]


@contextmanager
def static_server(folder: Path, log: Path) -> Iterator[CountingServer]:
    """Serve the files of a directory until the end of the block (`script.benchmarks.static_server`)."""
    log.touch()
    command = [sys.executable, "-m", "script.benchmarks.static_server", str(folder), str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101
        try:
            yield CountingServer(f"127.0.0.1:{int(process.stdout.readline())}", log)
        finally:
            process.terminate()


@contextmanager
def image_registry(folder: Path) -> Iterator[CountingServer]:
    """Run Debian's docker-registry, with its data below `folder`, until the end of the block."""
    host, port = free_port()
    folder.mkdir(parents=True)
    config = {
        "version": 0.1,
        "log": {"accesslog": {"disabled": False}, "level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": f"{host}:{port}"},
    }
    (folder / "config.yml").write_text(json.dumps(config))  # which is YAML too
    log = folder / "access.log"
    with log.open("wb") as out:
        process = subprocess.Popen(["docker-registry", "serve", folder / "config.yml"], stdout=out, stderr=out)
    try:
        _wait(process, host, port)
        yield CountingServer(f"{host}:{port}", log)
    finally:
        process.terminate()
        process.wait()


def _wait(process: subprocess.Popen[bytes], host: str, port: int) -> None:
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            with socket.create_connection((host, port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise FarmError(f"{process.args!r} does not answer on port {port}", remedy="Run it by hand to see what it says.")
