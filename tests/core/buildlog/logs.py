"""The corpus: logs of builds as text, and what is expected of them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farm.core.buildlog.log_line import LogLine
from farm.core.buildlog.recogniser import first_error

if TYPE_CHECKING:
    from farm.core.buildlog.first_error import FirstError

CORPUS = Path(__file__).parent / "corpus"


def lines_of(path: Path) -> list[LogLine]:
    return [LogLine.of_text(number, line) for number, line in enumerate(path.read_text().split("\n")[:-1], 1)]


def error_of(path: Path) -> FirstError | None:
    return first_error(lines_of(path))


def expected(kind: str) -> dict[str, dict[str, Any]]:
    """Return the expectations for a directory of logs, by their names."""
    return tomllib.loads((CORPUS / f"{kind}.toml").read_text())


def shown(error: FirstError | None) -> dict[str, Any]:
    """Return what a file of expectations says of an error."""
    assert error is not None
    found: dict[str, Any] = {"line": error.line, "kind": str(error.kind)}
    found |= {key: value for key, value in (("subject", error.subject), ("detail", error.detail)) if value}
    return found if error.sure else found | {"sure": False}
