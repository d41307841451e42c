"""Runs git on a repository or directory, with nothing of the caller's environment that would change what it does."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from farm.errors import FarmError

if TYPE_CHECKING:
    from pathlib import Path


def run_git(
    place: Path, *arguments: str, given: bytes = b"", outside: bool = False
) -> subprocess.CompletedProcess[bytes]:
    """Run git in the directory `place`, with `given` as its input; its status is for the caller to judge.

    It asks nobody for a password, writes no index, and speaks English. With `outside`, a repository around `place` and
    the settings of the system do not count either. Raises the error `git` where git is not installed.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    if outside:
        environment |= {"GIT_CEILING_DIRECTORIES": str(place.parent), "GIT_CONFIG_NOSYSTEM": "1"}
    try:
        return subprocess.run(
            ["git", *arguments], cwd=place, env=environment, input=given, capture_output=True, check=False
        )
    except FileNotFoundError as error:
        raise FarmError("there is no git on this machine", remedy="Install git.", code="git") from error


def git_error(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return why git failed, as it said."""
    return done.stderr.decode(errors="replace").strip().removeprefix("fatal: ").removeprefix("error: ")
