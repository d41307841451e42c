"""The form of errors for people: what happened, where, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from click.exceptions import NoArgsIsHelpError

from farm.cli.output import Line, say, say_lines, styled
from farm.core.files.problems import RecipeError

if TYPE_CHECKING:
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
    said: list[Line] = [styled("error: ", fg="red", bold=True) + error.message]
    if error.place:
        said.append(styled("   at: ", dim=True) + str(error.place))
    said += [f"{_INDENT}{line}" for line in error.excerpt]
    if error.remedy:
        said.append(styled(" help: ", fg="cyan") + error.remedy)
    for line in said:
        say(line, err=True, indent=_INDENT)


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
