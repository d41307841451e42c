"""The one base class of the errors that are meant for people, and the place that an error points at.

Each room defines its own subclasses, one per cause, carrying data. Rendering is `farm.cli.rendering`'s job.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.core.names.digest import Digest


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a text something stands. `line` and `column` count from 1; 0 means the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class FarmError(Exception):
    """Something that a person has to know: what happened, where, and what to do about it.

    `code` is a stable machine-readable name (kebab case): that of the class, where none is given. `remedy` is one
    imperative sentence or empty, `place` the position in a file where there is one. `exit_status` is what a command
    ends with. `by_package` says for each package that the error is about what is wrong with it and what to do.
    `lost_blobs` are those that are not there, or spoiled: who has them too can put them back.
    """

    code: str = "error"
    exit_status: int = 1
    by_package: Mapping[str, tuple[str, str]] = MappingProxyType({})
    lost_blobs: tuple[Digest, ...] = ()

    def __init__(self, message: str, *, remedy: str = "", place: Place | None = None, code: str = "") -> None:
        super().__init__(message)
        if code:
            self.code = code
        self.message = message
        self.remedy = remedy
        self.place = place


def lost_blobs_of(error: BaseException | None) -> tuple[Digest, ...]:
    """Return the blobs for want of which something went wrong: those of an error, and of what led to it."""
    found: dict[Digest, None] = {}
    while error is not None:
        found |= dict.fromkeys(error.lost_blobs if isinstance(error, FarmError) else ())
        error = error.__cause__
    return tuple(found)


def in_lines(things: Sequence[object], most: int = 5) -> str:
    """Return what a sentence that ends with a colon goes on with: one thing a line, and how many more there are."""
    lines = [f"\n  {thing}" for thing in things[:most]]
    if len(things) > most:
        lines.append(f"\n  and {len(things) - most:,} more")
    return "".join(lines)


def plain_text(error: FarmError, program: str) -> str:
    """Return an error as a program says it that ends with it: where, what, and what to do. `program` is its name."""
    where = str(error.place or program)
    # What is wrong in a file of recipes names its places itself.
    told = error.message if error.message.startswith(where) else f"{where}: {error.message}"
    return f"{told}\n{error.remedy}".rstrip()
