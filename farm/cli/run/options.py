"""What `farm run` asks of its engine: the image file's words, and before these what the command line says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.options import name_and_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.client.run.late_binding import RunOptions
    from farm.client.run.user_mounts import OwnMounts
    from farm.container.sandbox_spec import Bind
    from farm.core.subscriber.image_file import ImageFile


def run_options(
    names: tuple[str, ...],
    words: tuple[str, ...],
    wanted: ImageFile | None,
    own: OwnMounts,
    mounts: tuple[Bind, ...],
    environment: tuple[str, ...],
    *,
    network: str,
    user: str,
) -> RunOptions:
    """Return what is asked for. Wrong use where there is no command, or a mount is where the file has something."""
    from farm.client.run.late_binding import NOBODY, RunOptions

    who = _checked_user(user) if user else ""
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    given = tuple(name_and_value(each) for each in environment)
    binds = _together(own, mounts)
    entrypoint, usual = command_words(names, wanted)
    command = (*entrypoint, *(words or usual))
    if wanted is None:
        return RunOptions(
            command=command,
            network=network,
            user=who or NOBODY,
            environment=given,
            binds=binds,
            terminal=terminal,
        )
    if not command:
        raise click.UsageError("The image file says neither `run` nor `entrypoint`: give a command after `--`.")
    return RunOptions(
        command=command,
        network=network,
        user=who or wanted.user or NOBODY,
        workdir=wanted.workdir or "/",
        environment=(*wanted.environment, *given),
        labels=wanted.labels,
        binds=binds,
        hidden=own.hidden,
        volumes=tuple(volume for volume in wanted.volumes if volume not in {bind.target for bind in mounts}),
        terminal=terminal,
    )


def _checked_user(text: str) -> str:
    from farm.core.subscriber import image_values

    return image_values.user(text)


def command_words(names: tuple[str, ...], wanted: ImageFile | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what a command begins with, and what follows where the user gives no words for it."""
    if wanted is None:
        return (), (_program_of(names[0]),)
    alone = (_program_of(wanted.names[0]),) if len(wanted.names) == 1 and not wanted.entrypoint else ()
    return wanted.entrypoint, wanted.command or alone


def _program_of(package: str) -> str:
    """Return what the program is called that a package is called after, by its short or its full name."""
    return package.rpartition("/")[2]


def _together(own: OwnMounts, mounts: Sequence[Bind]) -> tuple[Bind, ...]:
    from farm.container.sandbox_spec import Bind

    taken = {target for _, target in own.binds} | {*own.hidden}
    if twice := [mount.target for mount in mounts if mount.target in taken]:
        raise click.UsageError(f"--mount names {twice[0]}, where the image file has something: mount it elsewhere.")
    return (*(Bind(Path(source), target) for source, target in own.binds), *mounts)
