"""Durations in files and commands: a whole number and a unit, `90s`, `30m`, `24h`, `7d`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from farm.core.files.fields import ARTICLES, AS_WRITTEN, read_parsed
from farm.core.files.matching import InvalidValueError
from farm.core.files.problems import quoted
from farm.core.names.form import TextForm

if TYPE_CHECKING:
    from farm.core.files.document import Document, Node

LONGEST = timedelta(days=3650)

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_FORM = re.compile(r"([0-9]{1,9})([dhms])")


def duration(text: str) -> timedelta:
    """Read a duration from one second to ten years; raises `InvalidValueError`."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise InvalidValueError(
            f"{quoted(text)} is not a length of time", remedy="Write a whole number and s, m, h or d, as in 24h."
        )
    seconds = int(match[1]) * _UNITS[match[2]]
    if not 0 < seconds <= LONGEST.total_seconds():
        raise InvalidValueError(f"{text} should be from 1s to {duration_text(LONGEST)}")
    return timedelta(seconds=seconds)


def duration_text(length: timedelta) -> str:
    """Return a duration in whole seconds as `duration` reads it, in the largest unit without a remainder."""
    seconds = int(length.total_seconds())
    unit = next(unit for unit, size in _UNITS.items() if seconds % size == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


Duration = Annotated[timedelta, TextForm(duration, duration_text)]
"""A duration whose JSON form is its text in files."""


def read_duration(document: Document, node: Node, name: str, example: str) -> timedelta | None:
    """Return the duration at a node; None, recorded in the document, when it is invalid."""
    if node.kind not in AS_WRITTEN:
        document.report(
            node, f"{name} should be a length of time, and is {ARTICLES[node.kind]}", f"Write it as {name}: {example}."
        )
        return None
    return read_parsed(document, node, name, duration, AS_WRITTEN)
