"""The key of a prepared run: the words of the request, where it is made, and the program's own code."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import farm
from farm.client.run.prepared_run import key_of, words_of

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_file_replaced_anywhere_in_the_program_makes_another_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = tmp_path / "farm" / "client" / "run"
    room.mkdir(parents=True)
    (tmp_path / "farm" / "__init__.py").touch()
    monkeypatch.setattr(farm, "__file__", str(tmp_path / "farm" / "__init__.py"))
    before = key_of(["jq"])
    assert key_of(["jq"]) == before
    os.utime(room, ns=(1, 1))  # as when a file in it was replaced
    changed = key_of(["jq"])
    assert changed != before
    (room / "__pycache__").mkdir()
    os.utime(room, ns=(1, 1))
    assert key_of(["jq"]) == changed  # Python's own cache is not code


def test_the_words_of_the_command_are_told_from_those_that_ask_for_it() -> None:
    assert words_of(["jq", "--", "jq", "--", "."]) == (["jq"], ["jq", "--", "."])
    assert words_of(["jq"]) == (["jq"], [])
