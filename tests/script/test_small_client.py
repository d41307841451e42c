"""A subscriber's client alone: everything a subscriber does works without the extras; other verbs name theirs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm import __version__
from farm.core.names.digest import Digest
from tests.client.distribution import SmallDistribution
from tests.core.advisories.osv_documents import openvex, osv
from tests.foreign.neighbours import announce
from tests.oci.registry_server import PROGRAM, running_registry
from tests.script.conftest import ROOT, run

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.scenario

_EVERY_HELP = """
import click, sys
from farm.cli.main import farm

def helped(command, words):
    farm.main([*words, "--help"], prog_name="farm", standalone_mode=False)
    print("==", *words)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            helped(command.get_command(context, name), [*words, name])

helped(farm, [])
"""
_RECIPE = f"""\
name: tool
version: 1.0
summary: The tool
license: MIT
source:
  - url: https://upstream.example/tool-{{{{ version }}}}.tar.gz
    sha256: {Digest.of(b"the tarball").hex}
toolchain: full
steps: []
"""


class Client:
    """The command with only a subscriber's client installed, and directories of its own."""

    def __init__(self, venv: Path, folder: Path) -> None:
        self.command, self.folder = venv / "bin" / "farm", folder
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "FARM_STATE": str(folder / "state"),
            "FARM_HOST": str(folder / "host"),
            "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
        }

    def __call__(self, *words: str, status: int = 0, more: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(
            [self.command, *words],
            env=self.environment | dict(more or {}),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, f"farm {' '.join(words)}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout if status == 0 else done.stderr + done.stdout


@pytest.fixture
def client(base: Path, tmp_path: Path) -> Client:
    return Client(base, tmp_path)


@pytest.fixture
def distribution(tmp_path: Path) -> SmallDistribution:
    there = SmallDistribution(tmp_path / "distribution")
    there.package("say", {"bin/say": "\x7fnot elf", "etc/say.conf": "loud\n"})
    there.package("tool", {"bin/tool": "#!/usr/bin/say\n"}, made_of={"tool-1.0.tar.gz": b"the tarball"}, text=_RECIPE)
    there.publish()
    there.keep(b"the tarball")
    announce(there, osv(package="say", fixed="1.1-1"), statements=openvex(product="dist.example.org/tool"))
    return there


def test_every_verb_explains_itself(base: Path) -> None:
    output = run(base / "bin" / "python", "-c", _EVERY_HELP, cwd=base)
    said = [line for line in output.splitlines() if line.startswith("==")]
    assert len(said) > 90
    assert {"== up", "== submit", "== image push", "== keys draft root"} < set(said)


def test_a_subscriber_needs_no_extra(client: Client, distribution: SmallDistribution, tmp_path: Path) -> None:
    assert distribution.founded is not None
    assert "this host follows no channel" in client("image", "build", "tool", "--tag", "x:1", status=1)
    client("subscribe", str(distribution.public), "edge", "--fingerprint", distribution.founded.fingerprint)
    client("subscriptions")
    client("search", "tool")
    client("info", "tool")
    client("install", "tool", "--root", "root")
    client("list", "--root", "root")
    assert "EXAMPLE-2026-1" in client("audit", "--root", "root", status=3)
    for form in ("json", "sarif", "cyclonedx", "spdx"):
        client("audit", "--channel", "edge", "--format", form, status=3)
    client("verify", "--root", "root")
    client("verify", "--cache")
    client("lock", "--root", "root")
    assert "without a bill of materials" in client("sbom", "tool", status=1)
    client("provenance", "tool", "--deep")
    client("why", "--reverse", "say", "--root", "root")
    client("source", "tool", "--output", "sources")
    assert (tmp_path / "sources" / "sources" / "tool-1.0.tar.gz").read_bytes() == b"the tarball"
    (tmp_path / "state" / "policy.yaml").write_text("maximum-severity: critical\n")
    client("policy", "check", "root")
    client("mirror", "mirror", "--channel", "dist.example.org/edge")
    app = tmp_path / "app"
    (app / "bin").mkdir(parents=True)
    (app / "bin" / "mine").write_text("#!/usr/bin/say\n")
    (app / ".farmignore").write_text("*.o\n")
    client("pack", "app", "--name", "mine.example.org/app", "--version", "1")
    client("override", "list")
    tree = {"FARM_RECIPES": str(ROOT / "recipes")}
    assert "farm override add needs farm[build]" in client(
        "override", "add", "say=jq", "--why", "x", status=69, more=tree
    )
    (tmp_path / "image.yaml").write_text("packages: [tool]\nfiles: ./app\nrun: [/bin/tool]\n")
    client("image", "build", "--file", "image.yaml", "--tag", "x:1", "--output", "oci", "--no-load")
    client("images")
    client("image", "list")
    client("image", "inspect", "x:1")
    client("image", "diff", "x:1", "x:1")
    client("audit", "x:1", status=3)
    client("verify", "x:1")
    if Path(PROGRAM).exists():
        with running_registry(tmp_path / "registry") as registry:
            client("image", "push", "x:1", f"{registry.host}/x:1", "--plain-http")
    distribution.package("say", {"bin/say": "\x7fmended"}, version="1.1")
    distribution.publish()
    client("upgrade", "--root", "root")
    client("image", "update", "x:1", "say", "--tag", "x:2", "--output", "oci2", "--no-load")
    client("rollback", "--root", "root")
    client("remove", "tool", "--root", "root")
    client("gc")
    client("completion", "bash")
    client("unsubscribe", "edge", "--force")


@pytest.mark.skipif(not shutil.which("bwrap") or os.geteuid() != 0, reason="needs bubblewrap and root")
def test_a_run_needs_no_extra(client: Client, tmp_path: Path) -> None:
    distribution = SmallDistribution(tmp_path / "distribution")
    distribution.package("busybox", {"bin/busybox": Path("/bin/busybox").read_bytes()})
    distribution.publish()
    assert distribution.founded is not None
    client("subscribe", str(distribution.public), "edge", "--fingerprint", distribution.founded.fingerprint)
    for _ in range(2):  # the second is prepared
        assert client("run", "--with", "bubblewrap", "busybox", "--", "busybox", "echo", "hello") == "hello\n"


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (("up",), "server"),
        (("build", "jq"), "build"),
        (("lint",), "build"),
        (("plan", "jq"), "build"),
        (("jobs",), "build"),
        (("keys", "draft", "targets", "--repository", "here"), "build"),
        (("channel", "show", "edge"), "build"),
        (("channel", "hold", "edge", "jq", "--why", "x"), "build"),
    ],
)
def test_a_verb_whose_extra_is_missing_says_what_to_install(words: tuple[str, ...], extra: str, client: Client) -> None:
    output = client(*words, status=69, more={"FARM_RECIPES": str(ROOT / "recipes"), "FARM_URL": "http://127.0.0.1:9"})
    verb = " ".join(words[: {"channel": 2, "keys": 3}.get(words[0], 1)])
    first, remedy = output.splitlines()
    assert first == f"error: farm {verb} needs farm[{extra}]"
    assert f"pip install './farm-{__version__}-py3-none-any.whl[{extra}]'" in remedy
