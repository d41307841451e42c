"""Checks shell text with bash, and with shellcheck where it is installed. The text is read, and never run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from farm.core.lint.finding import Severity
from farm.core.lint.rules.scripts import SHELLCHECK, SYNTAX
from farm.core.lint.shell_text import ShellComplaint
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Nothing of the caller's environment: POSIXLY_CORRECT and others change what bash can read.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
_BASH_LINE = re.compile(r"^[^\n]*?: line ([0-9]+): (.*)$", re.MULTILINE)
_LEVELS = {"error": Severity.ERROR, "warning": Severity.WARNING}
# As steps run; shellcheck would report what such a shell ends at by itself.
_PREAMBLE = "set -eu\n"
_BATCH = 100
_MISREAD = 2
"""The exit status from which on shellcheck says that it could not work."""


def _no_progress(text: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class ShellPrograms:
    """The programs of this machine that check shell text, by their paths; None for one that is not installed.

    `show` is called with the progress, as a line.
    """

    bash: str | None
    shellcheck: str | None
    show: Callable[[str], None] = _no_progress

    @classmethod
    def installed(cls, show: Callable[[str], None] = _no_progress) -> Self:
        """Return the programs on PATH."""
        return cls(shutil.which("bash"), shutil.which("shellcheck"), show)

    @property
    def codes(self) -> frozenset[str]:
        """The codes of the rules that they report."""
        programs = ((SYNTAX, self.bash), (SHELLCHECK, self.shellcheck))
        return frozenset(rule.code for rule, program in programs if program)

    def __call__(self, texts: Sequence[str]) -> list[list[ShellComplaint]]:
        """Return the complaints about each text. Raises the error `shellcheck-failed`."""
        found: list[list[ShellComplaint]] = []
        for number, text in enumerate(texts, 1):
            self.show(f"bash reads shell text {number} of {len(texts)}")
            found.append(_syntax(self.bash, text) if self.bash else [])
        # Of text that bash cannot read, shellcheck would say the same in other words.
        readable = [number for number, complaints in enumerate(found) if not complaints]
        for start in range(0, len(readable) if self.shellcheck else 0, _BATCH):
            self.show(f"shellcheck reads shell text {start + 1} of {len(readable)}")
            batch = readable[start : start + _BATCH]
            several = _shellcheck(str(self.shellcheck), [texts[number] for number in batch])
            for number, complaints in zip(batch, several, strict=True):
                found[number] = complaints
        return found


def _syntax(bash: str, text: str) -> list[ShellComplaint]:
    """Return the first error that keeps bash from reading the text."""
    command = (bash, "--norc", "--noprofile", "-n", "/dev/stdin")
    done = subprocess.run(
        command, input=text.encode(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=_ENVIRONMENT, check=False
    )
    if done.returncode == 0:
        return []
    lines = max(1, len(text.splitlines()))
    said = _BASH_LINE.search(done.stderr.decode(errors="replace"))
    line, message = (int(said[1]), said[2]) if said else (1, "bash cannot read this text")
    return [ShellComplaint(min(line, lines), 0, message)]


def _shellcheck(program: str, texts: list[str]) -> list[list[ShellComplaint]]:
    with tempfile.TemporaryDirectory(prefix="farm-lint-") as folder:
        for number, text in enumerate(texts):
            Path(folder, str(number)).write_text(_PREAMBLE + text)
        names = [str(number) for number in range(len(texts))]
        options = ("--norc", "--shell=bash", "--severity=warning", "--format=json1", "--")
        done = subprocess.run(
            (program, *options, *names), cwd=folder, capture_output=True, env=_ENVIRONMENT, check=False
        )
    if done.returncode >= _MISREAD:
        message = f"shellcheck ended with status {done.returncode}: {done.stderr.decode(errors='replace').strip()}"
        raise FarmError(message, remedy="Correct its installation, or remove it.", code="shellcheck-failed")
    found: list[list[ShellComplaint]] = [[] for _ in texts]
    for comment in json.loads(done.stdout)["comments"]:
        complaint = ShellComplaint(
            max(1, comment["line"] - _PREAMBLE.count("\n")),
            comment["column"],
            comment["message"],
            _LEVELS[comment["level"]],
            f"SC{comment['code']}",
        )
        found[int(comment["file"])].append(complaint)
    return found
