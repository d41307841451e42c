"""The web process itself, as `farm up` starts it, on a free port of the loopback and a SQLite database of its own."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from farm.build.recipe_directory import read_recipe_directory
from farm.server.application import CHANGING, FarmSettings, open_application
from farm.server.identities import access
from farm.server.tables.states import Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.server.transaction.unit_of_work import Application

RECIPES = Path(__file__).parent.parent.parent / "recipes"
_START_SECONDS = 60


@dataclass(frozen=True)
class WebProcess:
    """A running process. `application` opens the same database, to read and to prepare rows."""

    application: Application
    directory: Path
    pid: int
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def token(self, role: Role = Role.MAINTAINER) -> str:
        with self.application.writing() as unit:
            text, _ = access.issue_token(unit, name=f"some-{role}", role=role, lasts=timedelta(days=1))
        return text

    def connect(self, *, seconds: float = 20) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=seconds)

    def most_memory(self) -> float:
        """The process' peak memory since its start or the last reset, in MB."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        assert found
        return int(found[1]) / 1024

    def memory(self) -> float:
        """The process' current memory in MB; resets the peak to it."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        return self.most_memory()


@contextmanager
def web_process(folder: Path, **bounds: float) -> Iterator[WebProcess]:
    """Start one with the usual `WebSettings` except for `bounds`. It trusts the loopback about addresses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = folder / "farm.json"
    values = {
        "database": f"sqlite:///{folder}/farm.db",
        "broker": "redis://127.0.0.1:1",
        "blobs": str(folder / "blobs"),
        "logs": str(folder / "logs"),
        "recipes": str(RECIPES),
        "toolchains": [],
    }
    settings.write_text(json.dumps(values | ({"web": bounds} if bounds else {})))
    application = open_application(FarmSettings.read(settings), read_recipe_directory(RECIPES, leave_out=CHANGING))
    log = (folder / "web.log").open("wb")
    command = (sys.executable, "-m", "web", "--settings", str(settings), "--port", str(port))
    with log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _wait_for(port, process, folder / "web.log")
            yield WebProcess(application, folder, process.pid, port)
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
    application.database.close()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(_START_SECONDS * 10):
        assert process.poll() is None, log.read_text()
        try:
            httpx.get(f"http://127.0.0.1:{port}/api/v1/channels", timeout=5).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"the web process does not answer: {log.read_text()}")
