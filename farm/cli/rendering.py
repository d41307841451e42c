"""How errors look to a person: what happened, where, and what to do; and tables, counts and sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from click.exceptions import NoArgsIsHelpError

from farm.cli.escaping import escape_control_chars
from farm.cli.output import Line, say, say_lines, styled
from farm.core.files.problems import RecipeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click

    from farm.errors import FarmError

_INDENT = "    "
"""Further in than `error:`, `   at:` and ` help:` begin, wherever in a line somebody puts these words."""


def say_error(error: FarmError) -> None:
    """Print an error on standard error. Further lines of its texts are set in."""
    if isinstance(error, RecipeError):
        for number, problem in enumerate(error.problems):
            say_lines([*([""] if number else []), *problem.lines()], err=True)
        return
    said: list[Line] = [styled("error: ", fg="red", bold=True) + error.message]
    if error.place:
        said.append(styled("   at: ", dim=True) + str(error.place))
    if error.remedy:
        said.append(styled(" help: ", fg="cyan") + error.remedy)
    for each in said:
        say(each, err=True, indent=_INDENT)


def say_wrong_use(error: click.ClickException) -> None:
    """Print how a verb is used and what was wrong, as Click does."""
    if isinstance(error, NoArgsIsHelpError):
        say_lines(error.format_message().split("\n"), err=True)
        return
    context = getattr(error, "ctx", None)
    if context:
        say_lines(context.get_usage().split("\n"), err=True)
        if context.command.get_help_option(context):
            say(f"Try '{context.command_path} {context.help_option_names[-1]}' for help.", err=True)
        say(err=True)
    say(f"Error: {error.format_message()}", err=True, indent=_INDENT)


def table(rows: Sequence[tuple[str, ...]], headings: tuple[str, ...]) -> list[Line]:
    """Return rows under headings, in columns as wide as they need to be; the last column is not padded.

    A cell is one line, whatever is in it.
    """
    cells = [tuple(map(escape_control_chars, row)) for row in [headings, *rows]]
    widths = [max(len(row[n]) for row in cells) for n in range(len(headings))]
    first, *rest = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )
    return [styled(first, bold=True), *rest]


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
