"""Runs tests in a copy of the tree, unchanged or with one module changed. The tree itself is never written to."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".hypothesis", ".mutations.jsonl")
_NEEDS_MORE = "docker or toolchain or browser or postgres or redis or scenario"
_LONGEST, _LONGEST_PLACE = 300, 3600
"""Seconds that one test may take, and all tests of one place: a mutant may loop forever."""
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S.*?)(?: - .*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of the tests: `failed` names the first that did not pass, and is empty if all did."""

    failed: str
    seconds: float
    output: str

    @property
    def test(self) -> str:
        """The failed test, with all its examples; empty if something else failed."""
        return self.failed.partition("[")[0] if "::" in self.failed else ""


class Copy:
    """A copy of a tree in `directory`, for one trial at a time."""

    def __init__(self, tree: Path, directory: Path) -> None:
        self.root = directory / "tree"
        shutil.copytree(tree, self.root, ignore=_NOT_COPIED, symlinks=True)
        if (tree / ".venv").exists():
            (self.root / ".venv").symlink_to(tree / ".venv")

    def changed(self, module: str, content: str, tests: Sequence[str]) -> Outcome:
        """Run the tests with other content in a module, until one fails; then put it back."""
        path = self.root / module
        before = path.read_text(encoding="utf-8")
        try:
            self._write(path, content)
            return self.run(tests)
        finally:
            self._write(path, before)

    def run(self, tests: Sequence[str]) -> Outcome:
        """Run the tests of one place after the other until one fails, or takes too long."""
        # Nothing that an earlier trial has found is tried first: results of trials are independent.
        shutil.rmtree(self.root / ".hypothesis", ignore_errors=True)
        began = time.monotonic()
        for place in tests:  # not at once: pytest would sort the likeliest tests in among the others
            failed, output = self._run(place)
            if failed:
                break
        return Outcome(failed, time.monotonic() - began, output)

    def _run(self, place: str) -> tuple[str, str]:
        options = ["-x", "-q", "--tb=short", "-p", "no:cacheprovider", "--hypothesis-seed=0", f"--timeout={_LONGEST}"]
        running = subprocess.Popen(
            [sys.executable, "-m", "pytest", *options, "-m", f"not ({_NEEDS_MORE})", place],
            cwd=self.root,
            env=os.environ | {"PYTHONPATH": str(self.root), "COLUMNS": "1000"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            output, _ = running.communicate(timeout=_LONGEST_PLACE)
        except subprocess.TimeoutExpired:
            return "the time limit", ""
        finally:
            with suppress(ProcessLookupError):  # processes that the tests have left behind are in the same session
                os.killpg(running.pid, signal.SIGKILL)
            running.wait()
        named = _FAILED.search(output)
        return ("" if not running.returncode else named[1] if named else "tests that do not begin"), output

    @staticmethod
    def _write(path: Path, content: str) -> None:
        path.write_text(content, encoding="utf-8")
        # Compiled code is recognized as stale by size and second of the source, which two trials may have in common.
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
            compiled.unlink()
