"""A farm of a preview is stopped, and started with this release: its database is refused, and with a new one its
channels continue, and its clients notice nothing.

The preview is the code of the commit `BEFORE`, from this repository's history; it runs with the libraries of
this one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.trust.metadata.repository import Repository
from farm.trust.metadata.signed_policy import policy_in_force
from tests.distribution.conftest import empty_host
from tests.farms.running import FARM, RECIPES, REPOSITORY, RunningFarm

if TYPE_CHECKING:
    from collections.abc import Iterator

BEFORE = "034274026baf010daee681d8b4ed7fe3b96829cb"
RECIPE = """\
name: greeting
version: "1"
revision: {revision}
summary: A greeting
license: 0BSD
toolchain: c
steps:
  - run: install -D --mode=0644 /dev/stdin "$DESTDIR/usr/share/greeting" <<<"hello {revision}"
"""


def _has_history() -> bool:
    known = subprocess.run(["git", "-C", REPOSITORY, "cat-file", "-e", BEFORE], capture_output=True, check=False)
    return known.returncode == 0


pytestmark = [
    pytest.mark.docker,
    pytest.mark.toolchain,
    pytest.mark.skipif(not _has_history(), reason=f"the history of this clone has no commit {BEFORE[:7]}"),
]


@dataclass
class Upgraded:
    """A farm with releases by the previous version, that now runs this one. Commands run by either version."""

    folder: Path
    before: RunningFarm
    after: RunningFarm
    refusal: str
    """The message of this release's `farm up` about the preview's database."""

    def client(self, version: RunningFarm, *arguments: str, state: str = "client") -> str:
        """Run a command of the subscriber by a version of the program; return its output."""
        ran = version.run(*arguments, state=self.folder / state).done()
        return ran.output + ran.message

    def greeting(self) -> str:
        """Return the package's version in the subscriber's root."""
        return (self.folder / "root/usr/share/greeting").read_text().strip()


def submit(farm: RunningFarm, folder: Path, revision: int) -> int:
    """Submit the recipe in a revision, and wait until it is released; return the number of the release."""
    place = folder / "submitted" / str(revision) / "greeting"
    place.mkdir(parents=True)
    (place / "recipe.yaml").write_text(RECIPE.format(revision=revision))
    farm.submit(place).done()
    number: int = farm.newest()["number"]
    return number


def refused_start(farm: RunningFarm) -> str:
    """Start a farm that cannot run, and return its output."""
    with pytest.raises(AssertionError) as ended:
        farm.start()
    assert farm.process is not None
    assert farm.process.poll() not in (None, 0)
    return str(ended.value)


def set_database_aside(farm: RunningFarm) -> None:
    """Move the database out of the farm's directory, with the token that only it knows."""
    for path in (*(farm.state / "database").glob("farm.db*"), farm.state / "keys/admin.token"):
        path.rename(farm.state.parent / f"preview-{path.name}")


def wait_until_taken_up(farm: RunningFarm) -> None:
    """Wait until the new database knows the release that is published."""
    deadline = time.monotonic() + 120
    while True:  # the channel itself is new to this database
        listed = farm.run("release", "list", "edge", "--json")
        if listed.status == 0 and json.loads(listed.output)["releases"]:
            return
        assert time.monotonic() < deadline, listed.message
        time.sleep(0.5)


def version_before(folder: Path) -> Path:
    """Put the code of the previous version into a folder, with an environment that has the libraries of this one.

    Returns its `farm` command.
    """
    folder.mkdir()
    archive = subprocess.run(["git", "-C", REPOSITORY, "archive", BEFORE], capture_output=True, check=True)
    subprocess.run(["tar", "--extract", "--directory", folder], input=archive.stdout, check=True)
    environment = folder / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (libraries,) = environment.glob("lib/python*/site-packages")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "editable_impl_farm" not in entry.name:
            (libraries / entry.name).symlink_to(entry)
    (libraries / "version_before.pth").write_text(f"{folder}\n")
    python = environment / "bin/python"
    for script in filter(Path.is_file, Path(sys.executable).parent.iterdir()):
        head, _, rest = script.read_bytes().partition(b"\n")
        if head.startswith(b"#!") and b"python" in head and script.stat().st_size < 4096:
            copy = python.with_name(script.name)
            copy.write_bytes(b"#!%s\n%s" % (str(python).encode(), rest))
            copy.chmod(0o755)
    return python.with_name("farm")


@pytest.fixture(scope="module")
def upgraded() -> Iterator[Upgraded]:
    folder = Path(tempfile.mkdtemp(prefix="farm-upgrade-"))
    folder.chmod(0o755)
    code = folder / "before"
    command = version_before(code)
    options = ("--workers", "1")
    before = RunningFarm(folder / "farm", empty_host(folder), options, recipes=code / "recipes", farm=command)
    after = replace(before, recipes=RECIPES, farm=FARM)
    made = Upgraded(folder, before, after, "")
    try:
        before.start()
        assert submit(before, folder, 1) == 1
        address = f"{before.url}/repository"
        made.client(before, "subscribe", address, "edge", "--fingerprint", before.fingerprint)
        made.client(before, "install", "--root", str(folder / "root"), "greeting")
        assert made.greeting() == "hello 1"
        before.stop()
        after.port = before.port
        made.refusal = refused_start(after)
        set_database_aside(after)
        after.start()
        wait_until_taken_up(after)
        yield made
    finally:
        before.stop()
        after.stop()
        if os.environ.get("FARM_KEEP_TESTS") is None:
            shutil.rmtree(folder, ignore_errors=True)


def test_the_database_of_a_preview_is_refused_with_what_to_do(upgraded: Upgraded) -> None:
    assert "the database was made by a development version of farm" in upgraded.refusal
    assert "Move the database, and keys/admin.token" in upgraded.refusal


def test_before_anything_is_released_a_client_of_before_finds_all_as_it_was(upgraded: Upgraded) -> None:
    root = str(upgraded.folder / "root")
    assert upgraded.after.newest()["number"] == 1
    signed = policy_in_force(Repository(upgraded.after.state / "public"))
    assert signed is not None
    assert "edge" in signed.policies.policies
    upgraded.client(upgraded.before, "upgrade", "--root", root)
    upgraded.client(upgraded.before, "verify", "--root", root)
    assert upgraded.greeting() == "hello 1"


def test_its_channels_go_on_and_clients_of_both_versions_follow(upgraded: Upgraded) -> None:
    root = str(upgraded.folder / "root")
    assert submit(upgraded.after, upgraded.folder, 2) == 2
    upgraded.client(upgraded.before, "upgrade", "--root", root)
    assert upgraded.greeting() == "hello 2"
    assert submit(upgraded.after, upgraded.folder, 3) == 3
    upgraded.client(upgraded.after, "upgrade", "--root", root)  # the client is upgraded too, and keeps its state
    assert upgraded.greeting() == "hello 3"
    upgraded.client(upgraded.before, "verify", "--root", root)


def test_a_rollback_that_the_operator_signs_reaches_both(upgraded: Upgraded) -> None:
    """Roll back to a release that the previous version signed: the operator's key is the one that `farm up` made."""
    root = str(upgraded.folder / "root")
    upgraded.after.run("channel", "rollback", "edge", "1", "--why", "the third is too loud", "--wait").done()
    assert upgraded.after.newest()["number"] == 4
    upgraded.client(upgraded.before, "upgrade", "--root", root)
    assert upgraded.greeting() == "hello 1"
    upgraded.client(upgraded.after, "verify", "--root", root)
