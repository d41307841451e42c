"""What `farm approve` does with an answer that is no yes."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_curating import Shell, database, database_url, migrated_sqlite, postgres_socket, shell

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["database", "database_url", "migrated_sqlite", "postgres_socket", "shell"]


@pytest.mark.parametrize("answer", ["", "n\n"])
def test_who_is_not_there_to_agree_signs_nothing(shell: Shell, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    told = shell.run("approve", "stable", "jq", "--key", str(shell.key), "--name", "alice", status=1)
    assert "nothing was signed" in told
    assert "answer y; or say --yes" in told
    assert "interrupted" not in told
    assert shell.json("approve", "stable")["packages"][0]["approved-by"] == []


def test_a_key_that_cannot_be_used_is_told_before_anything_is_asked(shell: Shell, tmp_path: Path) -> None:
    told = shell.run("approve", "stable", "jq", "--key", str(tmp_path / "none"), "--name", "alice", status=1)
    assert "cannot use the key file" in told
    assert "Sign for" not in told
