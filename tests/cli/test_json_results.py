"""With `--json`, a verb that changes something prints its result: one document on stdout, all else on stderr."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.client.distribution import SmallDistribution
from tests.oci.registry_server import PROGRAM, running_registry

COMMAND = Path(sys.executable).with_name("farm")
ROOT = ("--root", "root")


class Subscriber:
    """A user who follows two channels, and asks for JSON each time."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.channel = self._follow("dist.example.org", "1.0")
        self._follow("other.example", "1.0.1")

    def farm(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        places = {"FARM_STATE": str(self.place / "state"), "FARM_HOST": str(self.place / "host")}
        return subprocess.run(
            [COMMAND, *arguments],
            env={**os.environ, **places},
            cwd=self.place,
            capture_output=True,
            text=True,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        done = self.farm(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def _follow(self, domain: str, version: str) -> SmallDistribution:
        distribution = SmallDistribution(self.place / domain, domain=domain)
        distribution.package("say", {"bin/say": f"\x7fnot elf {version}"}, version=version)
        if domain == "dist.example.org":
            distribution.package("greet", {"bin/greet": "#!/usr/bin/say\n"})
        distribution.publish()
        assert distribution.founded is not None
        pin = ("--fingerprint", distribution.founded.fingerprint)
        assert self.farm("subscribe", str(distribution.public), "edge", *pin).returncode == 0
        return distribution


@pytest.fixture
def subscriber(tmp_path: Path) -> Subscriber:
    return Subscriber(tmp_path)


def test_what_changes_a_root_tells_it_as_its_listing_does(subscriber: Subscriber, tmp_path: Path) -> None:
    planned = subscriber.json("install", *ROOT, "greet", "--dry-run")
    assert (planned["generation"], [change["new"]["version"] for change in planned["changes"]]) == (
        None,
        ["1.0-1", "1.0-1"],
    )
    done = subscriber.farm("install", *ROOT, "greet", "--json")
    installed = json.loads(done.stdout)
    assert "say 1.0-1, new" in done.stderr
    assert installed == {**planned, "generation": 1}
    listed = subscriber.json("list", *ROOT)
    shared = ("root", "generation", "asked", "releases")
    assert [installed[key] for key in shared] == [listed[key] for key in shared]
    assert installed["root"] == str(tmp_path / "root")

    added = subscriber.json("override", "add", "dist.example.org/say=other.example/edge:say", "--why", "ours")
    assert [added] == subscriber.json("override", "list")
    (void,) = subscriber.json("upgrade", *ROOT)["overrides"]
    assert (void["version"], void["why"]) == ("1.0.1", "ours")
    verified = subscriber.json("verify", *ROOT)
    assert (verified["overrides"], verified["faults"]) == ([void], [])
    words = subscriber.farm("verify", *ROOT).stdout
    assert "all as signed, except overrides\nOVERRIDE: say 1.0.1-1, of other.example/edge, replaces" in words
    assert subscriber.json("override", "remove", "dist.example.org/say") == added
    gone_back = subscriber.json("rollback", *ROOT)
    assert (gone_back["generation"], gone_back["overrides"], len(gone_back["changes"])) == (1, [], 2)
    removed = subscriber.json("remove", *ROOT, "greet")
    assert (removed["asked"], [change["new"] for change in removed["changes"]]) == ([], [None, None])


def test_what_makes_an_image_tells_it_as_looking_into_it_does(subscriber: Subscriber, tmp_path: Path) -> None:
    built = subscriber.json("image", "build", "greet", "--tag", "x:1", "--no-load", "--output", "oci")
    shown = subscriber.json("image", "inspect", "x:1")
    shared = ("digest", "set", "asked", "packages", "releases", "overrides", "layers")
    assert [built[key] for key in shared] == [shown[key] for key in shared]
    assert (built["name"], built["output"], built["loaded"]) == ("x:1", "oci", None)
    subscriber.channel.package("say", {"bin/say": "new"}, version="1.1")
    subscriber.channel.publish()
    updated = subscriber.json("image", "update", "x:1", "say", "--no-load")
    assert [change["name"] for change in updated["changes"]] == ["say"]
    listed = subscriber.json("image", "list")
    assert subscriber.json("image", "remove", "--unnamed") == [image for image in listed if not image["names"]] != []
    if not Path(PROGRAM).exists():
        pytest.skip("needs Debian's docker-registry")
    with running_registry(tmp_path / "registry") as registry:
        name = f"{registry.host}/tools:1"
        pushed = subscriber.json("image", "push", "x:1", name, "--plain-http")
    assert (pushed["digest"], pushed["name"], pushed["layers-sent"]) == (updated["digest"], name, pushed["layers"])
