"""A whole farm, started with `farm up` as an operator would, and used through the `farm` command."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
RECIPES = REPOSITORY / "recipes"
FARM = Path(sys.executable).with_name("farm")
_START_SECONDS = 600


@dataclass
class Ran:
    """A command that has ended."""

    status: int
    output: str
    message: str

    def done(self) -> Ran:
        assert self.status == 0, f"status {self.status}\n{self.output}\n{self.message}"
        return self


@dataclass
class RunningFarm:
    """`farm up` in a directory of its own; `host` is shared with other farms: toolchains and sources.

    `farm` is the command, which may be that of another version.
    """

    state: Path
    host: Path
    options: tuple[str, ...] = ()
    port: int = 0
    recipes: Path = RECIPES
    farm: Path = FARM
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def start(self) -> RunningFarm:
        self.port = self.port or _free_port()
        self.state.mkdir(parents=True, exist_ok=True)
        output = (self.state / "up.out").open("w")
        self.process = subprocess.Popen(
            [str(self.farm), "up", "--port", str(self.port), "--recipes", str(self.recipes), *self.options],
            env=self.environment(FARM_STATE=str(self.state)),
            cwd=self.state,  # another version of farm would find this one's code in the current directory
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        deadline = time.monotonic() + _START_SECONDS
        while "farm is up" not in (said := (self.state / "up.out").read_text()):
            assert self.process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.1)
        return self

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(120)

    def worker_pid(self, number: int) -> int:
        """Return the process of a build worker."""
        wanted = str(self.state / "workers" / f"worker-{number}" / "settings.json")
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().decode().split("\0")
            except OSError:
                continue
            if "workers.build" in words and wanted in words:
                return int(path.parent.name)
        raise AssertionError(f"worker {number} does not run")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def fingerprint(self) -> str:
        return "sha256:" + hashlib.sha256((self.state / "public/metadata/1.root.json").read_bytes()).hexdigest()

    def run(self, *arguments: str, state: Path | None = None, seconds: int = 1800) -> Ran:
        """Run the `farm` command as the farm's administrator, or as a subscriber with a separate state."""
        token = (self.state / "keys" / "admin.token").read_text().strip()
        ended = subprocess.run(
            [str(self.farm), *arguments],
            env=self.environment(
                FARM_URL=self.url, FARM_TOKEN=token, FARM_STATE=str(state or self.state), FARM_RECIPES=str(self.recipes)
            ),
            capture_output=True,
            text=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return Ran(ended.returncode, ended.stdout, ended.stderr)

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").done().output)

    def submit(self, *recipes: Path | str, release: str = "edge", seconds: int = 1800) -> Ran:
        folders = [str(RECIPES / "packages" / recipe) if isinstance(recipe, str) else str(recipe) for recipe in recipes]
        return self.run("submit", *folders, "--release", release, seconds=seconds)

    def newest(self, channel: str = "edge") -> dict[str, Any]:
        """Return the newest release with its packages."""
        number = self.json("release", "list", channel)["releases"][0]["number"]
        release: dict[str, Any] = self.json("release", "show", channel, str(number))
        return release

    def versions(self, channel: str = "edge") -> dict[str, str]:
        """Return version and revision of each package of the newest release."""
        packages = self.newest(channel)["packages"]
        return {package["name"]: f"{package['version']}-{package['revision']}" for package in packages}

    def jobs_of(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.json("jobs", "--name", name, "--limit", "200")["jobs"]
        return found

    def builds_of(self, name: str) -> list[int]:
        """Return the numbers of a recipe's builds; its tests are jobs of the recipe, too."""
        return [job["id"] for job in self.jobs_of(name) if job["kind"] == "build"]

    def environment(self, **more: str) -> dict[str, str]:
        """Return a minimal environment in which the `farm` command finds this host."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_HOST", "LANG") if name in os.environ}
        loopback = dict.fromkeys(("FARM_ALLOWED_NETWORKS", "FARM_WEBHOOK_NETWORKS"), "127.0.0.0/8")
        return kept | {"FARM_HOST": str(self.host)} | loopback | more


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def revised(folder: Path, name: str, revision: int, *edits: tuple[str, str]) -> Path:
    """Return a copy of a recipe of the tree with another revision, and with these texts replaced in it."""
    copy = folder / str(revision) / name
    shutil.copytree(RECIPES / "packages" / name, copy)
    text = (copy / "recipe.yaml").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("revision:")]
    at = next(number for number, line in enumerate(lines) if line.startswith("version:"))
    text = "\n".join([*lines[: at + 1], f"revision: {revision}", *lines[at + 1 :]]) + "\n"
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    (copy / "recipe.yaml").write_text(text)
    return copy
