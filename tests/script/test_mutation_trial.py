"""The whole of `script/mutate`, on a tree of two modules whose tests cover one decision and miss another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from script.mutations import drawing, judging, runner
from script.mutations.named import Named
from script.mutations.verdicts import FILE

if TYPE_CHECKING:
    from pathlib import Path

TESTS = """\
from room import limit

def test_what_is_above_is_refused():
    assert limit.allowed(9) and not limit.allowed(11)
"""


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "limit.py").write_text("def allowed(count):\n    return count < 10\n")
    (tmp_path / "test_limit.py").write_text(TESTS)
    module, old = "room/limit.py", "count < 10"
    named = (
        Named("boundary", "limits", module, "ten is allowed, too", old, "count <= 10"),
        Named("reversed", "limits", module, "all is the other way round", old, "count > 10"),
        Named("broken", "limits", module, "it cannot be read", old, "count <"),
    )
    monkeypatch.setattr(drawing, "NAMED", named)
    monkeypatch.setattr(drawing, "SUBJECTS", ())
    monkeypatch.setattr(judging, "TESTS", {module: ("test_limit.py",)})
    return tmp_path


def test_it_says_which_test_notices_and_what_nobody_does(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (tree / "room" / "limit.py").read_bytes()
    assert runner.main(["--json"], tree) == 1
    found = {one["name"]: one["killed-by"] for one in json.loads(capsys.readouterr().out)["mutations"]}
    assert found == {
        "boundary": "",
        "reversed": "test_limit.py::test_what_is_above_is_refused",
        "broken": "test_limit.py",
    }
    assert (tree / "room" / "limit.py").read_bytes() == before
    # Nothing has changed, so nothing is run again.
    kept = (tree / FILE).read_text()
    assert runner.main(["--only", "boundary", "--only", "2"], tree) == 1
    captured = capsys.readouterr()
    assert (tree / FILE).read_text() == kept
    assert "+    return count <= 10" in captured.out
    assert "2 mutations, 1 survived" in captured.out
    # A test of the boundary kills it.
    (tree / "test_limit.py").write_text(TESTS + "\ndef test_ten_is_refused():\n    assert not limit.allowed(10)\n")
    assert runner.main(["--only", "boundary"], tree) == 0
    assert "boundary: killed by test_limit.py::test_ten_is_refused" in capsys.readouterr().err


def test_tests_that_fail_anyway_prove_nothing(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "test_limit.py").write_text("def test_never():\n    assert False\n")
    assert runner.main(["--only", "reversed"], tree) == 2
    assert "test_limit.py::test_never fails without a mutation" in capsys.readouterr().err
