"""How `farm approve` handles an answer that is not a yes."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest

from farm.trust.keys.key_files import load_public_key, public_path
from farm.trust.keys.signers import link_key
from tests.cli.curate.test_curating import shell

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.shell import Shell

__all__ = ["shell"]


@pytest.mark.parametrize("answer", ["", "n\n"])
def test_who_is_not_there_to_agree_signs_nothing(shell: Shell, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    message = shell.run("approve", "stable", "jq", "--key", str(shell.key), "--name", "alice", status=1)
    assert "the approval on stable was not signed" in message
    assert "answer y, or use --yes" in message
    assert "interrupted" not in message
    assert shell.json("approve", "stable")["packages"][0]["approved-by"] == []


def test_a_key_that_cannot_be_used_is_told_before_anything_is_asked(shell: Shell, tmp_path: Path) -> None:
    message = shell.run("approve", "stable", "jq", "--key", str(tmp_path / "none"), "--name", "alice", status=1)
    assert "cannot use the key file" in message
    assert "Sign for" not in message


def test_a_key_that_was_made_once_signs_what_is_named_and_not_what_is_only_looked_at(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARM_STATE", str(tmp_path / "state"))
    shell.run("keys", "me", "--name", "alice")
    (tmp_path / "state" / "keys" / "me").write_bytes(shell.key.read_bytes())  # the key that the farm knows
    assert "jq" in shell.run("approve", "stable")
    assert shell.json("approve", "stable")["packages"][0]["approved-by"] == []
    assert shell.run("approve", "stable", "jq", "--yes") == "alice has approved 1 package on stable\n"
    assert shell.run("approve", "stable", "jq", "--withdraw").startswith("the approval of alice for jq ")


def test_a_key_of_a_uri_file_signs_too(shell: Shell, tmp_path: Path) -> None:
    link_key(tmp_path / "linked", f"file2:{shell.key}", load_public_key(public_path(shell.key)), lambda _: "")
    signing = ("--key", str(tmp_path / "linked.uri"), "--name", "alice", "--yes")
    assert shell.run("approve", "stable", "jq", *signing) == "alice has approved 1 package on stable\n"
