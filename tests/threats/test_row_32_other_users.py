"""Row 32: a path that another user can write to, owns or controls is refused before anything in it is read."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from farm.cli.main import farm as command
from tests.cli.pseudo_terminal import COMMAND
from tests.cli.test_json_results import Subscriber
from tests.docs.test_docs import ROOT, verbs

if TYPE_CHECKING:
    from pathlib import Path

ASKED = {
    "audit": "audit", "build": "build jq", "gc": "gc", "image build": "image build greet", "image list": "image list",
    "images": "images", "info": "info greet", "install": "install --root root greet", "lock": "lock greet",
    "mirror": "mirror m --channel dist.example.org/edge", "override list": "override list", "pack": "pack --list",
    "provenance": "provenance greet", "run": "run greet", "sbom": "sbom greet", "search": "search",
    "source": "source greet --output out", "subscribe": "subscribe nowhere edge --fingerprint sha256:" + "0" * 64,
    "subscriptions": "subscriptions", "unsubscribe": "unsubscribe dist.example.org/edge", "up": "up",
    "upgrade": "upgrade --root root", "verify": "verify --cache", "why": "why --reverse greet",
}  # fmt: skip
"""Verbs that use a user's state, each with a command line."""


def farm(place: Path, *arguments: str, **places: Path) -> subprocess.CompletedProcess[str]:
    environment = {"FARM_RECIPES": str(ROOT / "recipes")} | {name: str(path) for name, path in places.items()}
    return subprocess.run(
        [COMMAND, *arguments], env=os.environ | environment, cwd=place, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def subscriber(tmp_path_factory: pytest.TempPathFactory) -> Subscriber:
    place = tmp_path_factory.mktemp("shared")
    followed = Subscriber(place)
    assert followed.farm("run", "--with", "bubblewrap", "greet", "--", "missing").returncode != 0
    return followed


@pytest.mark.parametrize("verb", sorted(ASKED))
def test_a_state_that_others_can_write_is_used_by_no_verb(subscriber: Subscriber, tmp_path: Path, verb: str) -> None:
    assert verb in {"subscriptions"} | {" ".join(words[1:]) for words, _ in verbs(command)}
    state = tmp_path / "state"
    state.mkdir()
    (state / "policy.yaml").write_text("{: not read")
    (state / "subscriptions").write_text("not read")
    state.chmod(0o777)
    done = farm(subscriber.place, *ASKED[verb].split(), FARM_STATE=state, FARM_HOST=tmp_path / "host")
    assert done.returncode == 1, done.stdout
    assert done.stderr.startswith(f"error: everybody may write to {state}, and could change whom ")
    assert f" help: Take the right from them: `chmod go-w {state}`" in done.stderr
    assert {path.name for path in state.iterdir()} == {"policy.yaml", "subscriptions"}


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a directory to another user")
@pytest.mark.parametrize("variable", ["FARM_STATE", "FARM_HOST"])
def test_what_lies_below_another_users_directory_is_not_used(tmp_path: Path, variable: str) -> None:
    below = tmp_path / "theirs" / "state"
    below.mkdir(parents=True)
    os.chown(below.parent, 65533, 65533)
    places = {"FARM_STATE": tmp_path / "state", "FARM_HOST": tmp_path / "host", variable: below}
    done = farm(tmp_path, "search", **places)
    assert done.stderr.startswith(f"error: {below.parent} belongs to user 65533, who could change ")
    assert f"Let {variable} name a directory of this user's own" in done.stderr


def test_a_run_that_others_could_have_prepared_is_not_started(subscriber: Subscriber, tmp_path: Path) -> None:
    prepared = tmp_path / "state" / "prepared"
    prepared.mkdir(parents=True)
    prepared.chmod(0o777)
    done = farm(subscriber.place, "run", "greet", FARM_STATE=tmp_path / "state", FARM_HOST=tmp_path / "host")
    assert f"everybody may write to {prepared}, and could change" in done.stderr


@pytest.mark.parametrize("place", ["prepared", "subscriptions"])
def test_a_prepared_run_is_not_started_from_a_file_that_others_can_write(
    subscriber: Subscriber, tmp_path: Path, place: str
) -> None:
    state = tmp_path / "state"
    shutil.copytree(subscriber.place / "state", state, symlinks=True)
    file = min(path for path in (state / place).rglob("*.json"))
    file.chmod(0o666)
    done = farm(subscriber.place, "run", "--with", "bubblewrap", "greet", "--", "missing", FARM_STATE=state)
    assert done.returncode == 1
    assert f"everybody may write to {file}, and could change" in done.stderr
