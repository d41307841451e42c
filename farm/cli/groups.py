"""Groups of verbs, for Click: a verb is loaded when it is called, so that `farm --version` and `farm run` are fast."""

from __future__ import annotations

import difflib
import importlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from farm.cli.output import say
from farm.cli.verbs import ELSEWHERE, FIRST, FORMER, GROUPS, VERBS

if TYPE_CHECKING:
    from collections.abc import Iterator


class VerbGroup(click.Group):
    """A group with the verbs of the table below `below` ("channel"), in addition to those of its module."""

    def __init__(self, *arguments: Any, below: str | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        words = ((*verb.name.rpartition(" ")[::2], verb.target) for verb in VERBS)
        self._targets = {name: target for group, name, target in words if group == below}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the group's verbs in alphabetical order."""
        return sorted([*super().list_commands(ctx), *self._targets])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a verb; None if there is none."""
        target = self._targets.get(cmd_name)
        if target is None:
            return super().get_command(ctx, cmd_name)
        module, _, name = target.partition(":")
        command: click.Command = getattr(importlib.import_module(f"farm.cli.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs with their whole first sentences; Click would cut them."""
        self._write_section(ctx, formatter, "Commands", self.list_commands(ctx))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb on a command line; for a misspelt one, name the nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if near := self.nearest(ctx, args[0]):
                raise click.UsageError(f"No such command {args[0]!r}. Did you mean {near!r}?", ctx) from error
            raise

    def nearest(self, ctx: click.Context, name: str) -> str | None:
        """Return the verb whose name is most similar to this one, None if none is similar."""
        return next(iter(difflib.get_close_matches(name, self.list_commands(ctx), n=1)), None)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb; if a module of an extra is missing, name the extra."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            from farm.extras import missing_extra

            _farm, *words = ctx.command_path.split()
            missing = missing_extra(" ".join([*words, ctx.invoked_subcommand or ""]).rstrip(), error)
            if missing is None:
                raise
            raise missing from error

    def _write_section(
        self, ctx: click.Context, formatter: click.HelpFormatter, heading: str, names: list[str]
    ) -> None:
        verbs = ((name, self.get_command(ctx, name)) for name in names)
        with formatter.section(heading):
            formatter.write_dl([(name, verb.get_short_help_str(limit=200)) for name, verb in verbs if verb])


class Farm(VerbGroup):
    """The `farm` command: its help groups the verbs, and it accepts their former names."""

    def make_context(self, *arguments: Any, **extra: Any) -> click.Context:
        """Parse the command line, which may print help. Raises `ReaderGoneError`."""
        with _reader_may_go():
            return super().make_context(*arguments, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb. Raises `ReaderGoneError`."""
        with _reader_may_go():
            return super().invoke(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a verb by its name, or by a former one."""
        if cmd_name not in FORMER:
            return super().get_command(ctx, cmd_name)
        command: click.Command | None = self
        for word in FORMER[cmd_name].split():
            if isinstance(command, click.Group):
                command = command.get_command(ctx, word)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs that a newcomer needs, then the others by their groups."""
        self._write_section(ctx, formatter, "Start here", list(FIRST))
        for group in GROUPS:
            names = [verb.name for verb in VERBS if verb.group == group and verb.name not in FIRST]
            self._write_section(ctx, formatter, group, names)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb on a command line; for a former name, print the new one on standard error."""
        if now := FORMER.get(args[0]):
            if not ctx.resilient_parsing:
                say(
                    f"warning: `farm {args[0]}` is now `farm {now}`; the former name works in this release only",
                    err=True,
                )
            args = [*now.split(), *args[1:]]
        return super().resolve_command(ctx, args)

    def nearest(self, ctx: click.Context, name: str) -> str | None:
        """Return the verb that other programs call by this name, or the one with the most similar name."""
        names = difflib.get_close_matches(name, [*self.list_commands(ctx), *FORMER], n=1)
        near = ELSEWHERE.get(name) or next(iter(names), None)
        return near and FORMER.get(near, near)


class ReaderGoneError(Exception):
    """The program that read the output has closed the pipe (`farm log … | head`)."""


@contextmanager
def _reader_may_go() -> Iterator[None]:
    # Click would end the process for a `BrokenPipeError`, with status 1.
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderGoneError from error
