"""`farm keys …` as a user types it, in a directory of its own."""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farm.cli.main import main


@dataclass(frozen=True)
class Said:
    """The status and output of a command."""

    status: int
    output: str
    message: str


class CommandRunner:
    """A directory in which commands run; each must succeed, unless a refusal is expected."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def try_(self, line: str, *, answer: str = "") -> Said:
        """Run the words of `line` after `farm keys`."""
        printed, message = io.BytesIO(), io.StringIO()
        output = io.TextIOWrapper(printed, encoding="utf-8")  # a document is printed as bytes
        before, stdin = Path.cwd(), sys.stdin
        os.chdir(self.folder)
        sys.stdin = io.StringIO(answer)
        try:
            with redirect_stdout(output), redirect_stderr(message):
                main(["keys", *line.split()])
        except SystemExit as end:
            status = int(end.code or 0)
        finally:
            os.chdir(before)
            sys.stdin = stdin
        output.flush()
        return Said(status, printed.getvalue().decode(), message.getvalue())

    def run(self, line: str, *, answer: str = "") -> str:
        said = self.try_(line, answer=answer)
        assert said.status == 0, f"farm keys {line}\n{said.output}{said.message}"
        return said.output

    def refused(self, line: str, *, answer: str = "") -> str:
        """Run a command that must fail with a message and a remedy; return both."""
        said = self.try_(line, answer=answer)
        assert said.status in (1, 2), f"farm keys {line} ended with {said.status}\n{said.output}{said.message}"
        assert " help: " in said.message or said.status == 2, said.message
        return said.message

    def json(self, line: str) -> Any:
        return json.loads(self.run(f"{line} --json"))

    def key_id(self, path: str) -> str:
        return str(json.loads((self.folder / f"{path}.pub").read_text())["keyid"])
