"""The output of `farm keys`: builders with the version that added them, and keys by the reader's names for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner, SSlibKey

from farm.trust.keys.key_files import key_to_dict
from farm.trust.metadata.builders_in_force import builders_in_force
from farm.trust.metadata.key_names import KeyNames
from farm.trust.verification.stored_metadata import KeptMetadata
from tests.trust.commands import CommandRunner
from tests.trust.conftest import DirectoryReader

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.trust.conftest import Published


@pytest.fixture
def runner(published: Published, tmp_path: Path) -> CommandRunner:
    """Two more builders, added in versions 2 and 3 of targets; the first one is removed."""
    runner = CommandRunner(tmp_path)
    changes = [
        "--allow-builder workers/two.pub --rebuilds edge=2",
        f"--allow-builder workers/three.pub --remove-builder {published.builder.public_key.keyid}",
        "",
    ]
    runner.run("new workers/two")
    runner.run("new workers/three")
    for change in changes:
        runner.run(f"draft targets --repository public {change}")
        runner.run("sign targets.draft --key keys/offline/targets --yes")
        runner.run("publish targets.draft --repository public --online keys/online")
        (tmp_path / "targets.draft").unlink()
    return runner


def test_builders_are_listed_with_their_beginning_and_how_many_must_agree(runner: CommandRunner) -> None:
    two, three = runner.key_id("workers/two"), runner.key_id("workers/three")
    (targets,) = [role for role in runner.json("show public") if role["role"] == "targets"]
    assert {builder["keyid"]: builder["since-targets-version"] for builder in targets["builders"]} == {two: 2, three: 3}
    assert targets["rebuilds"] == {"edge": 2}
    said = runner.run("show public")
    assert f"  builder {two} (ed25519), since version 2\n" in said
    assert f"  builder {three} (ed25519), since version 3\n" in said
    assert "  2 builders must agree on a package of edge\n" in said


def test_a_builder_that_came_back_is_there_since_it_came_back(runner: CommandRunner, published: Published) -> None:
    two = runner.key_id("workers/two")
    for change in (f"--remove-builder {two} --rebuilds edge=1", "--allow-builder workers/two.pub"):
        runner.run(f"draft targets --repository public {change}")
        runner.run("sign targets.draft --key keys/offline/targets --yes")
        runner.run("publish targets.draft --repository public --online keys/online")
        (runner.folder / "targets.draft").unlink()
    since = {builder.key.keyid: builder.since for builder in builders_in_force(published.repository)[0]}
    assert since == {two: 6, runner.key_id("workers/three"): 3}


def test_a_client_finds_the_same_beginnings_and_believes_no_list_that_is_not_signed(
    runner: CommandRunner, published: Published, tmp_path: Path
) -> None:
    published.publish(1)
    published.client(tmp_path / "state").newest("edge")
    two, three = runner.key_id("workers/two"), runner.key_id("workers/three")

    def since() -> Mapping[str, int | None]:
        return KeptMetadata(tmp_path / "state").signers("edge", DirectoryReader(published.root)).since

    assert since() == {two: 2, three: 3}
    for version in (1, 2):
        older = published.root / "metadata" / f"{version}.targets.json"
        form = json.loads(older.read_bytes())
        form["signed"]["expires"] = "2001-01-01T00:00:00Z"
        older.write_text(json.dumps(form))
        assert since() == {two: None, three: None if version == 2 else 3}


def test_where_an_older_list_is_gone_the_beginning_is_left_open(runner: CommandRunner, published: Published) -> None:
    (published.root / "metadata" / "1.targets.json").unlink()
    since = {builder.key.keyid: builder.since for builder in builders_in_force(published.repository)[0]}
    assert since == {runner.key_id("workers/two"): None, runner.key_id("workers/three"): 3}
    assert f"builder {runner.key_id('workers/two')} (ed25519), since an older version\n" in runner.run("show public")


def test_keys_are_told_with_the_names_that_the_reader_has_for_them(runner: CommandRunner) -> None:
    runner.run("new ann/root")
    ann, two = runner.key_id("ann/root"), runner.key_id("workers/two")
    said = runner.run("draft root --repository public --add-key ann/root.pub --names .")
    assert f"root: the key {ann[:16]}… (ed25519) ann/root is added\n" in said
    assert f"  not yet  {ann} ann/root\n" in said
    assert f"  not yet  {ann} root\n" in runner.run("show root.draft --names ann")
    assert f"  not yet  {ann}\n" in runner.run("show root.draft")
    said = runner.run("sign root.draft --key keys/offline/root --names keys --names . --yes")
    assert f"  not yet  {runner.key_id('keys/offline/root')} offline/root\n" in said
    assert f"  builder {two} (ed25519) workers/two, since version 2\n" in runner.run("show public --names .")
    (root, *_) = runner.json("show public --names .")
    assert [key["name"] for key in root["keys"]] == ["keys/offline/root"]
    said = runner.run(f"draft targets --repository public --names . --remove-builder {two} --rebuilds edge=1")
    assert f"the builder {two[:16]}… (ed25519) workers/two is no longer allowed" in said


def test_a_key_is_not_called_by_the_name_of_another_whose_id_it_bears(tmp_path: Path) -> None:
    """Ids are what the document claims: the author of a draft can write Ben's id next to another key."""
    ben, thief = CryptoSigner.generate_ed25519().public_key, CryptoSigner.generate_ed25519().public_key
    (tmp_path / "ben.pub").write_text(json.dumps(key_to_dict(ben)))
    names = KeyNames.beneath([tmp_path])
    assert names.of(ben) == "ben"
    assert names.of(SSlibKey(ben.keyid, thief.keytype, thief.scheme, thief.keyval)) == ""


def test_files_of_other_programs_are_passed_over_and_a_folder_without_keys_is_told(tmp_path: Path) -> None:
    runner = CommandRunner(tmp_path)
    runner.run("new ann")
    (tmp_path / "id_ed25519.pub").write_text("ssh-ed25519 AAAA ann@example\n")
    assert runner.run("show ann.pub --names .").endswith("(ed25519) ann\n")
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "nowhere"):
        assert "no .pub files" in runner.refused(f"show ann.pub --names {folder}")


def test_whose_key_has_no_say_is_told_before_anything_is_asked(runner: CommandRunner) -> None:
    runner.run("new other")
    runner.run("draft root --repository public")
    said = runner.try_("sign root.draft --key other", answer="")
    assert said.status == 1
    assert "is none of those that sign for root version 1 and root version 2" in said.message
    assert "Sign with" not in said.message
    assert said.output == ""


def test_founding_by_several_people_says_whose_keys_are_needed(tmp_path: Path) -> None:
    runner = CommandRunner(tmp_path)
    for name in ("ann", "ben", "ann-targets"):
        runner.run(f"new {name}")
    said = runner.run(
        "init --repository public --keys keys --root-key ann.pub --root-key ben.pub --root-threshold 2 "
        "--targets-key ann-targets.pub"
    )
    assert "root.draft  (needs 2 of 2 keys: ann.pub, ben.pub)\n" in said
    assert "targets.draft  (needs 1 of 1 keys: ann-targets.pub)\n" in said


def test_operators_are_listed_by_name_and_have_keys_of_their_own(runner: CommandRunner) -> None:
    role = str(runner.json("show keys/offline/targets.pub")["keyval"]["public"])
    for wrong, message in (
        ("ann=xyz", "--operator takes NAME=KEY"),
        (f"Ann={'ab' * 32}", "--operator: "),
        (f"ann={'ab' * 32} --operator ben={'ab' * 32}", "two operators have one key"),
        (f"ann={role}", "the key ann is an allowed operator and a key of targets"),
        (f"ann={'ab' * 32} --remove-operator joe", "there is no operator joe"),
    ):
        assert message in runner.refused(f"draft targets --repository public --operator {wrong}")
    runner.run(f"draft targets --repository public --operator ann={'ab' * 32}")
    assert "the operator ann with the key abababababababab… may order what curators may" in runner.run(
        "show targets.draft"
    )
    runner.run("sign targets.draft --key keys/offline/targets --yes")
    runner.run("publish targets.draft --repository public --online keys/online")
    assert f"  operator ann {'ab' * 32}\n" in runner.run("show public")
    (targets,) = [listed_role for listed_role in runner.json("show public") if listed_role["role"] == "targets"]
    assert targets["operators"] == {"ann": "ab" * 32}
