"""The form of errors for people: what happened, where, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from click.exceptions import NoArgsIsHelpError

from farm.cli.output import Line, say, say_lines, styled
from farm.core.files.problems import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import click

    from farm.errors import FarmError

_INDENT = "    "
"""Deeper than `error:`, ` at:` and ` help:` begin, so that no value can imitate these labels."""


def say_error(error: FarmError) -> None:
    """Print an error on standard error. Further lines of its texts are indented."""
    if isinstance(error, RecipeError):
        for number, problem in enumerate(error.problems):
            say_lines([*([""] if number else []), *problem.lines()], err=True)
        return
    place = str(error.place) if error.place else ""
    for line in labelled_lines("error", error.message, place, error.excerpt, error.remedy):
        say(line, err=True, indent=_INDENT)


def labelled_lines(label: str, message: str, place: str, excerpt: Iterable[str], remedy: str) -> Iterator[Line]:
    """Yield what happened, the place, lines of a file there, and what to do; each of the last three may be empty."""
    yield styled(f"{label}: ", fg="red", bold=True) + message
    if place:
        yield styled("   at: ", dim=True) + place
    yield from (f"{_INDENT}{line}" for line in excerpt)
    if remedy:
        yield styled(" help: ", fg="cyan") + remedy


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
