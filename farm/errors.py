"""The base class of the errors that are meant for people, and the place in a file that an error points at.

A room defines a subclass where somebody catches it or it carries data; else it raises the base class with a `code`.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where in a text something stands. `line` and `column` count from 1; 0 means the line, or the file, as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)


class FarmError(Exception):
    """An error that a person has to know about: what happened, where, and what to do.

    `code` is a stable machine-readable name (kebab case): that of the class, where none is given. `remedy` is one
    imperative sentence or empty, `place` the position in a file where there is one. `exit_status` is what a command
    ends with. `by_package` has message and remedy for each package that the error is about. `lost_blobs` are the
    digests of blobs that are missing or corrupt: another copy of them can be put back. `excerpt` are lines of a log, to
    be shown below the message.
    """

    code: str = "error"
    exit_status: int = 1
    by_package: Mapping[str, tuple[str, str]] = MappingProxyType({})
    lost_blobs: tuple[str, ...] = ()
    excerpt: tuple[str, ...] = ()

    def __init__(self, message: str, *, remedy: str = "", place: Place | None = None, code: str = "") -> None:
        super().__init__(message)
        if code:
            self.code = code
        self.message = message
        self.remedy = remedy
        self.place = place

    @property
    def in_a_line(self) -> str:
        """What happened, and what to do, where there is one line for both."""
        return f"{self.message}. {self.remedy}" if self.remedy else self.message


def lost_blobs_of(error: BaseException | None) -> tuple[str, ...]:
    """Return the blobs whose loss an error is about: its own, and those of the errors that led to it."""
    found: dict[str, None] = {}
    while error is not None:
        found |= dict.fromkeys(error.lost_blobs if isinstance(error, FarmError) else ())
        error = error.__cause__
    return tuple(found)


def in_lines(things: Sequence[object], most: int = 5) -> str:
    """Return a list to put behind a colon: one thing a line, at most `most`, and how many more there are."""
    lines = [f"\n  {thing}" for thing in things[:most]]
    if len(things) > most:
        lines.append(f"\n  and {len(things) - most:,} more")
    return "".join(lines)


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return a remedy for an unknown word: up to three of the known ones that resemble it, else `otherwise`."""
    near = difflib.get_close_matches(word[:100], sorted(known), n=3)
    return f"Did you mean {' or '.join(near)}?" if near else otherwise


def in_words(names: Sequence[str]) -> str:
    """Return names as a person says them: `a, b and c`."""
    *others, last = names or ("",)
    return f"{', '.join(others)} and {last}" if others else last


def plain_text(error: FarmError, program: str) -> str:
    """Return an error as a program prints it before it exits: where, what, and what to do. `program` is its name."""
    where = str(error.place or program)
    # Errors in files of recipes name their places themselves.
    message = error.message if error.message.startswith(where) else f"{where}: {error.message}"
    return f"{message}\n{error.remedy}".rstrip()
