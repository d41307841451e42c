"""A key signs for the root that it has signed for before, and for successors signed by that root's keys."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tuf.api.metadata import Metadata

from farm.core.names.digest import Digest
from farm.trust.ceremony.draft import Draft
from farm.trust.keys.key_files import create_key, load_key
from farm.trust.keys.signers import read_signers
from tests.trust.commands import CommandRunner

if TYPE_CHECKING:
    from pathlib import Path

    from tests.trust.conftest import Published


@pytest.fixture
def runner(published: Published, tmp_path: Path) -> CommandRunner:
    """The keys of targets have signed a draft once."""
    runner = CommandRunner(published.root.parent)
    runner.run("draft targets --repository public")
    runner.run("sign targets.draft --key keys/offline/targets --yes")
    (tmp_path / "targets.draft").unlink()
    return runner


def put_on_another_root(published: Published, tmp_path: Path) -> Digest:
    """Base the draft on a root of the known version, in which a thief has put a key of his own."""
    path = tmp_path / "targets.draft"
    other = Metadata(Metadata.from_file(str(published.root / "metadata" / "1.root.json")).signed)
    other.signed.add_key(create_key(tmp_path / "thief").public_key, "targets")
    other.sign(load_key(published.keys / "offline" / "root"))
    path.write_bytes(replace(Draft.from_json(path.read_bytes()), root=other).to_json())
    return Digest.of(other.to_bytes())


def new_root(runner: CommandRunner) -> None:
    """Add a second key to the timestamp role, of which the keys of targets see nothing."""
    runner.run("new keys/online/timestamp-2")
    runner.run("draft root --repository public --role timestamp --add-key keys/online/timestamp-2.pub")
    runner.run("sign root.draft --key keys/offline/root --yes")
    runner.run("publish root.draft --repository public --online keys/online")


def test_a_draft_on_another_root_is_not_signed_until_its_fingerprint_is_named(
    runner: CommandRunner, published: Published, tmp_path: Path
) -> None:
    runner.run("draft targets --repository public")
    fingerprint = put_on_another_root(published, tmp_path)
    before = (tmp_path / "targets.draft").read_bytes()
    message = runner.refused("sign targets.draft --key keys/offline/targets --yes")
    assert (
        f"rests on root version 1 with the fingerprint {fingerprint}; this key last signed for root version 1"
        in message
    )
    wrong = f"sign targets.draft --key keys/offline/targets --yes --root-fingerprint {Digest.of(b'other')}"
    assert f"not on {Digest.of(b'other')}" in runner.refused(wrong)
    assert (tmp_path / "targets.draft").read_bytes() == before
    runner.run(f"sign targets.draft --key keys/offline/targets --yes --root-fingerprint {fingerprint}")
    (tmp_path / "targets.draft").unlink()
    runner.run("draft targets --repository public")
    assert "have not signed the new root" in runner.refused("sign targets.draft --key keys/offline/targets --yes")


def test_a_later_root_is_known_by_the_keys_of_the_one_before_and_there_is_no_way_back(
    runner: CommandRunner, tmp_path: Path
) -> None:
    runner.run("draft targets --repository public")
    early = (tmp_path / "targets.draft").read_bytes()
    new_root(runner)
    (tmp_path / "targets.draft").unlink()
    runner.run("draft targets --repository public")
    assert "rests on root version 2" in runner.run("sign targets.draft --key keys/offline/targets --yes")
    (tmp_path / "targets.draft").write_bytes(early)
    message = runner.refused("sign targets.draft --key keys/offline/targets --yes")
    assert "rests on root version 1" in message
    assert "last signed for root version 2" in message


def test_a_key_that_has_signed_founds_no_other_distribution(runner: CommandRunner, tmp_path: Path) -> None:
    runner.run(
        "init --repository another --keys another-keys --root-key keys/offline/root.pub "
        "--targets-key keys/offline/targets.pub"
    )
    assert "founds a distribution" in runner.refused("sign targets.draft --key keys/offline/targets --yes")
    runner.run("sign root.draft --key keys/offline/root --yes")  # this key has signed nothing yet


def test_what_is_kept_is_no_key_and_is_told_when_it_is_broken(
    runner: CommandRunner, published: Published, tmp_path: Path
) -> None:
    offline = published.keys / "offline"
    assert len(list(read_signers(offline))) == 2
    (offline / "targets.known-root").write_text("{")
    runner.run("draft targets --repository public")
    assert "does not say which root" in runner.refused("sign targets.draft --key keys/offline/targets --yes")
