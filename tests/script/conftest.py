"""The files that users get, made once for the tests of a process; and an environment with a subscriber's client."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements-base.lock"
UV = Path(sys.executable).with_name("uv")


def run(*command: str | Path, environment: Mapping[str, str] | None = None, cwd: Path = ROOT) -> str:
    """Run a program that must succeed, with a test's additions to the environment; return its output."""
    done = subprocess.run(
        command, env={**os.environ, **(environment or {})}, cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stderr or done.stdout}"
    return done.stdout


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what script/dist makes of this tree."""
    folder = tmp_path_factory.mktemp("made")
    run(ROOT / "script" / "dist", folder)
    return folder


@pytest.fixture(scope="session")
def wheel(made: Path) -> Path:
    (found,) = made.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel, and only the locked requirements of a subscriber."""
    folder = tmp_path_factory.mktemp("base") / "venv"
    run(UV, "venv", "--quiet", "--python", sys.executable, folder)
    install = (UV, "pip", "install", "--quiet", "--python", folder / "bin" / "python")
    run(*install, "--require-hashes", "--requirement", LOCK)
    run(*install, "--no-deps", wheel)
    return folder
