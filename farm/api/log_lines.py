"""A record of an attempt's log on the wire and on disk: one line of JSON, its fields in one fixed order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS = ("time", "stream", "severity", "step", "text")
SEVERITIES = ("info", "warning", "error")
LONGEST_TEXT = 64 * 1024


class InvalidLogError(FarmError):
    """Bytes that should be lines of structured log are not."""

    code = "invalid-log"


def encode_record(record: Mapping[str, Any]) -> bytes:
    """Return a record as its one line, newline included. Raises `InvalidLogError`."""
    try:
        values = {field: record[field] for field in FIELDS}
        return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidLogError(f"not a log record: {error}") from error


def check_lines(piece: bytes) -> None:
    """Check that bytes are whole records in exactly the form of `encode_record`, so that readers can rely on it.

    Raises `InvalidLogError`.
    """
    if piece and not piece.endswith(b"\n"):
        raise InvalidLogError("a piece of log ends within a line", remedy="Send whole lines.")
    for line in piece.split(b"\n")[:-1]:
        _check(line)


def _check(line: bytes) -> None:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidLogError(f"a line of log is not JSON: {error}") from error
    if not isinstance(values, dict) or tuple(values) != FIELDS:
        raise InvalidLogError(f"a log record has the fields {', '.join(FIELDS)}, in this order")
    if not all(isinstance(value, str) for value in values.values()):
        raise InvalidLogError("a field of a log record is not a string")
    if values["severity"] not in SEVERITIES or len(values["text"]) > LONGEST_TEXT:
        raise InvalidLogError("a log record has an unknown severity, or its text is too long")
    if encode_record(values) != line + b"\n":
        raise InvalidLogError("a log record is not in its canonical form")
