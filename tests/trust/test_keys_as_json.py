"""The ceremonies for programs: every verb of `farm keys` prints its result as JSON, too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.trust.commands import CommandRunner

if TYPE_CHECKING:
    from pathlib import Path

    from tests.trust.conftest import Published


def test_a_ceremony_is_told_as_json_step_by_step(tmp_path: Path) -> None:
    runner = CommandRunner(tmp_path)
    made = runner.json("new ann")
    assert (made["path"], made["keyid"], made["scheme"]) == ("ann.pub", runner.key_id("ann"), "ed25519")
    runner.run("new targets")
    founded = runner.json("init --repository public --keys keys --root-key ann.pub --targets-key targets.pub")
    assert founded == {"online": "keys/online", "drafts": ["root.draft", "targets.draft"]}
    for role, key in (("root", "ann"), ("targets", "targets")):
        signed = runner.json(f"sign {role}.draft --key {key} --yes")
        assert (signed["path"], signed["role"]) == (f"{role}.draft", role)
        assert [signature["missing"] for signature in signed["signatures"]] == [0]
        published = runner.json(f"publish {role}.draft --repository public --online keys/online")
        assert (published["role"], published["version"], published["already"]) == (role, 1, False)
        assert bool(published["fingerprint"]) == (role == "root")
    assert runner.json("publish targets.draft --repository public --online keys/online")["already"]


def test_drafts_and_builders_are_told_as_json(published: Published, tmp_path: Path) -> None:
    runner = CommandRunner(tmp_path)
    runner.run("new worker")
    assert runner.json("allow --repository public --keys keys worker.pub") == {"added": 1}
    assert runner.run("allow --repository public --keys keys worker.pub") == "0 workers added\n"
    drafted = runner.json("draft root --repository public")
    assert (drafted["path"], drafted["version"]) == ("root.draft", 2)
    assert runner.json("draft targets --repository public")["role"] == "targets"
    said = runner.try_("sign root.draft --key keys/offline/root --json", answer="y\n")
    assert "Sign with the key" in said.message
    assert "draft of root, version 2" in said.message
    assert json.loads(said.output)["signatures"][0]["missing"] == 0


def test_founding_and_the_record_are_told_as_json(published: Published, tmp_path: Path) -> None:
    runner = CommandRunner(tmp_path)
    founded = runner.json("init --repository other --keys more")
    assert founded["fingerprint"].startswith("sha256:")
    assert (founded["offline"], founded["online"]) == ("more/offline", "more/online")
    address = "--address https://dist.example.org/repository"
    record = runner.json(f"dns dist.example.org --repository public {address}")
    assert record["name"] == "_farm.dist.example.org"
    assert (
        record["text"] == f"v=farm1; address=https://dist.example.org/repository; root={published.founded.fingerprint}"
    )
    assert runner.run(f"dns dist.example.org --repository public {address}") == record["line"] + "\n"
