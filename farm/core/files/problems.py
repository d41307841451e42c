"""Problems in files that people write: collected, each with its place and excerpt, and raised together."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from farm.errors import FarmError, Place

if TYPE_CHECKING:
    from collections.abc import Iterable

_EXCERPT_WIDTH = 160
_QUOTED_WIDTH = 80
# Otherwise a password in an address would get into logs and pages with the excerpt.
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+(?=@)")


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem in a file: its place, message and remedy, the line, and the part of the line to underline.

    `excerpt` is empty when the file as a whole is concerned. `length` is the number of characters to underline.
    """

    place: Place
    message: str
    remedy: str = ""
    excerpt: str = ""
    length: int = 1

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self, label: str = "") -> list[str]:
        """Return place and message, the line with its underlined part, and the remedy; `label` precedes the message."""
        lines = [f"{self.place}: {_labelled(label, self.message)}"]
        if self.excerpt and self.place.line:
            lines += self._pointer()
        if self.remedy:
            lines.append(f"  {self.remedy}")
        return lines

    def in_a_line(self, label: str = "") -> str:
        """Return place, message and remedy, without the excerpt: for people who do not have the file at hand."""
        return f"{self.place}: {_labelled(label, self.message)}" + (f". {self.remedy}" if self.remedy else "")

    def _pointer(self) -> list[str]:
        # A window of the line, so that a line of a megabyte stays readable; unprintable characters are escaped.
        first = max(0, self.place.column - _EXCERPT_WIDTH // 2) if len(self.excerpt) > _EXCERPT_WIDTH else 0
        window = self.excerpt[first : first + _EXCERPT_WIDTH]
        shown = window.replace("\t", "→")  # as editors show it, and one column wide
        shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in shown)
        shown = _CREDENTIALS.sub(lambda match: "*" * len(match[0]), shown)
        start = self.place.column - 1 - first
        carets = "^" * max(1, min(self.length, len(shown) - start))
        margin = len(str(self.place.line))
        return [f"  {self.place.line} | {shown}", f"  {' ' * margin} | {' ' * start}{carets}"]


def _labelled(label: str, message: str) -> str:
    return f"{label}: {message}" if label else message


class RecipeError(FarmError):
    """Files of a recipe tree are wrong; `problems` are all problems found, in the order of the text."""

    code = "invalid-recipe"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=attrgetter("place")))
        place = self.problems[0].place
        super().__init__("\n\n".join(str(problem) for problem in self.problems), place=place)


def quoted(text: str) -> str:
    """Return a value in a form for messages: short, one line, with control and bidi characters escaped."""
    cut = text if len(text) <= _QUOTED_WIDTH else text[:_QUOTED_WIDTH] + "…"
    return repr(cut)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the one of `known` that the user may have meant, or an empty text."""
    near = difflib.get_close_matches(word[:_QUOTED_WIDTH], sorted(known), n=1, cutoff=0.6)
    return near[0] if near else ""


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return a sentence with the nearest of `known`, or the list of them when nothing is near."""
    names = sorted(known)
    near = nearest(word, names)
    if near:
        return f"Did you mean {near}?"
    return f"Known here: {', '.join(names)}." if names else ""
