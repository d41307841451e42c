"""git runs as on a machine without a surrounding repository, settings of the caller, or anybody to ask."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from farm.errors import FarmError
from farm.store.git.command import git_error, run_git

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path / "here")], check=True)
    return tmp_path / "here"


def test_what_the_caller_has_set_for_git_does_not_count(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(["git", "init", "-q", str(repository.parent / "other")], check=True)
    monkeypatch.setenv("GIT_DIR", str(repository.parent / "other/.git"))
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    found = run_git(repository, "rev-parse", "--absolute-git-dir")
    assert found.stdout.decode().strip() == str(repository / ".git")
    assert git_error(run_git(repository, "rev-parse", "--verify", "nothing")) == "Needed a single revision"


def test_a_repository_around_the_place_counts_unless_it_is_outside(repository: Path) -> None:
    (folder := repository / "folder").mkdir()
    assert run_git(folder, "rev-parse", "--show-toplevel").stdout.decode().strip() == str(repository)
    assert "not a git repository" in git_error(run_git(folder, "rev-parse", "--show-toplevel", outside=True))


def test_input_is_what_is_given_and_nothing_else(repository: Path) -> None:
    named = run_git(repository, "hash-object", "--stdin", given=b"hello\n").stdout.decode().strip()
    assert named == "ce013625030ba8dba906f756967f9e9ca394464a"
    assert run_git(repository, "hash-object", "--stdin").stdout.decode().strip().startswith("e69de29bb2d1d643")


def test_a_machine_without_git_is_an_error_that_says_so(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))
    with pytest.raises(FarmError, match="there is no git on this machine") as refused:
        run_git(repository, "version")
    assert refused.value.code == "git"
