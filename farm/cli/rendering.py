"""How errors look to a person: what happened, where, and what to do; colours on a terminal only.

A message may hold what a stranger's build printed or a file is called: it is made inert here, line by line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.inert import inert
from farm.recipe import RecipeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.errors import FarmError


def render_error(error: FarmError) -> str:
    """Return the lines for standard error. Click strips the colours when that is no terminal."""
    if isinstance(error, RecipeError):
        return _inert_lines(error.message)
    lines = [click.style("error: ", fg="red", bold=True) + _inert_lines(error.message)]
    if error.place:
        lines.append(click.style("   at: ", dim=True) + inert(str(error.place)))
    if error.remedy:
        lines.append(click.style(" help: ", fg="cyan") + _inert_lines(error.remedy))
    return "\n".join(lines)


def _inert_lines(text: str) -> str:
    return "\n".join(inert(line) for line in text.split("\n"))


def table(rows: Sequence[tuple[str, ...]], headings: tuple[str, ...]) -> str:
    """Return rows under headings, in columns as wide as they need to be; the last column is not padded."""
    widths = [max(len(row[n]) for row in [headings, *rows]) for n in range(len(headings))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [headings, *rows]
    ]
    return "\n".join([click.style(lines[0], bold=True), *lines[1:]])


def counted(number: int, noun: str) -> str:
    """Return a number of things in words: `1 package`, `2 packages`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def human_size(size: int) -> str:
    """Return a number of bytes as people say it: `340 B`, `1.4 MB`."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
