"""A farm of one test: a small tree of recipes, a state and a host directory of its own, and the `farm` command.

`Farm(tmp_path).recipe("x", run="false").run("build", "x").refused("a-failing-step")` is a whole test. Messages are
compared with `golden/<case>.txt`; `UPDATE_GOLDEN=1` rewrites them, for review.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from farm.container.attempt_directory import IDENTITY, LABEL_ATTEMPTS
from farm.store.blobs import BlobStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.names.digest import Digest

REPOSITORY = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
COMMAND = Path(sys.executable).with_name("farm")
INSTALL = 'install -D --mode=0644 /dev/stdin "$DESTDIR/usr/share/$NAME" <<<"$NAME"'

_HEAD = """\
name: {name}
version: "1"
summary: A package of the tests
license: 0BSD
toolchain: c
"""
_ESCAPE = "\x1b"
HANGS = 1200
"""Seconds after which a command counts as hung; no test asserts durations, which depend on the machine's load."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and its output; paths that differ from run to run are replaced by names."""

    status: int
    output: str
    message: str

    def done(self) -> Outcome:
        assert self.status == 0, self.message
        return self

    def refused(self, case: str, *, status: int = 1) -> Outcome:
        """It ended with `status` and the text of the golden file; without Python tracebacks and escape codes."""
        golden = GOLDEN / f"{case}.txt"
        if os.environ.get("UPDATE_GOLDEN"):
            golden.write_text(self.message)
        assert self.message == golden.read_text()
        assert self.status == status
        assert "Traceback" not in self.message
        assert _ESCAPE not in self.message + self.output
        return self


@dataclass(frozen=True)
class HostToolchain:
    """A toolchain of the host directory `host`: the digests of its manifest and archive, its record, and when made."""

    host: Path
    blobs: tuple[Digest, Digest]
    record: Path
    made: int


class Farm:
    """The directories of one farm below `root`. Without `toolchain` (see conftest) it can build nothing."""

    def __init__(self, root: Path, *, toolchain: HostToolchain | None = None) -> None:
        self.root = root
        self.recipes = root / "recipes"
        self.state = root / "state"
        self.host = root / "host"
        self._builds = bool(toolchain)
        self.environment: dict[str, str] = {}
        self.reset()
        if toolchain:
            for digest in toolchain.blobs:
                BlobStore(self.host / "blobs").share(BlobStore(toolchain.host / "blobs"), digest)
            (self.host / "toolchains").symlink_to(toolchain.host / "toolchains")

    def reset(self) -> Farm:
        """Rewrite the tree, without recipes, and forget all settings; built packages stay."""
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "FARM_STATE": str(self.state),
            "FARM_HOST": str(self.host),
            "FARM_RECIPES": str(self.recipes),
        }
        self._numbers_digests = False
        shutil.rmtree(self.recipes, ignore_errors=True)
        write_tree(self.recipes)
        return self

    def recipe(self, name: str, more: str = "", *, run: str = INSTALL, files: Mapping[str, str] | None = None) -> Farm:
        """Write a recipe of one shell step; `more` is YAML after the head, `files` are written next to it."""
        text = _HEAD.format(name=name)
        if more:
            text += more.rstrip() + "\n"
        if "steps:" not in more:
            text += yaml.safe_dump({"steps": [{"run": run, "environment": {"NAME": name}}]}, sort_keys=False)
        return self.file(
            f"packages/{name}/recipe.yaml", text, **{f"packages/{name}/{k}": v for k, v in (files or {}).items()}
        )

    def file(self, path: str, content: str | bytes, **more: str) -> Farm:
        """Write files of the tree of recipes."""
        for file_path, text in {path: content, **more}.items():
            place = self.recipes / file_path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(text if isinstance(text, bytes) else text.encode())
        return self

    def without(self, path: str) -> Farm:
        (self.recipes / path).unlink()
        return self

    def setting(self, **variables: str) -> Farm:
        """Change the environment of the commands."""
        self.environment |= variables
        return self

    def numbering_digests(self) -> Farm:
        """Write `sha256:1`, `sha256:2` … for digests in messages: of what random keys sign, of compressed blobs."""
        self._numbers_digests = True
        return self

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [COMMAND, *arguments],
            env=self.environment,
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, seconds: float = HANGS) -> Outcome:
        """Run `farm` to its end."""
        return self.finish(self.start(*arguments), seconds=seconds)

    def finish(self, process: subprocess.Popen[str], *, seconds: float = HANGS) -> Outcome:
        """Wait for a command that was started. It must leave no container and no attempt's directory."""
        try:
            output, message = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        if self._builds:
            assert containers_of(self.host) == []
            assert attempts_of(self.host) == []
        return Outcome(process.returncode, output, self._same_everywhere(message))

    def json(self, *arguments: str) -> Any:
        """Run a command with `--json`; return what it printed."""
        return json.loads(self.run(*arguments, "--json").done().output)

    def blob(self, digest: str) -> Path:
        """Return the path of a blob on this host."""
        return self.host / "blobs" / "sha256" / digest[7:9] / digest[9:]

    def snapshot(self) -> dict[str, bytes]:
        """Return every file that records what was built, by path."""
        found = sorted(self.state.rglob("*.json"))
        return {str(path): path.read_bytes() for path in found if "kept" not in path.relative_to(self.state).parts}

    def _same_everywhere(self, text: str) -> str:
        text = text.replace(str(self.root), "TMP")
        if self._numbers_digests:
            text = re.sub(r"\b([0-9a-f]{2})/([0-9a-f]{62})\b", r"\1\2", text)
            text = re.sub(r"\d+ bytes", "N bytes", text)
            found = list(dict.fromkeys(re.findall(r"[0-9a-f]{64}", text)))
            for number, digest in enumerate(found, 1):
                text = text.replace(digest, str(number))
        text = re.sub(r"(logs/\S+/\S+)-\d+\.log", r"\1-N.log", text)
        text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
        # Only on a slow machine, or where a build is meant to take long.
        text = re.sub(r"(?m)^still (?:building|rebuilding|unpacking) .*\n", "", text)
        text = re.sub(r" +\d+ (?=Killed)", " PID ", text)
        text = re.sub(r"(?<=[( ])\d+ s(?= ago)", "N s", text)
        return re.sub(r"(built \S+) in \d+ s", r"\1 in N s", text)


def write_tree(recipes: Path) -> None:
    """Write the shipped tree without its packages: steps, channels, and the toolchain `c` as it is locked."""
    shipped = REPOSITORY / "recipes"
    for part in ("steps", "channels"):
        shutil.copytree(shipped / part, recipes / part)
    (recipes / "toolchains").mkdir()
    shutil.copy(shipped / "toolchains" / "c.lock", recipes / "toolchains")
    # Its runtime packages are recipes that this tree lacks; the root is the same.
    definition = (shipped / "toolchains" / "c.yaml").read_text()
    (recipes / "toolchains" / "c.yaml").write_text(re.sub(r"(?m)^runtime:.*\n", "", definition))
    shutil.copy(shipped / "distribution.yaml", recipes)


def attempts_of(host: Path) -> list[Path]:
    """The directories of attempts that are left there; the other files there name their owners."""
    return [path for path in (host / "attempts").glob("*") if path.name != IDENTITY]


def containers_of(host: Path) -> list[str]:
    """Return the containers of attempts whose directories are in a host's shared directory."""
    identity = host / "attempts" / IDENTITY
    if not identity.exists():
        return []
    label = f"label={LABEL_ATTEMPTS}={identity.read_text().strip()}"
    command = ["docker", "ps", "--all", "--filter", label, "--format", "{{.ID}}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
