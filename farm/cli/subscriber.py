"""The subscriber's host, as the settings place it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.inert import inert

if TYPE_CHECKING:
    from farm.cli.settings import Settings
    from farm.client.host import Host


def open_host(settings: Settings) -> Host:
    """Return the subscriber's state with what this machine shares."""
    from farm.client.host import Host

    return Host(settings.state, settings.host, warn)


def warn(words: str) -> None:
    """Say in one line what is not as it should be, and is no reason to stop."""
    click.echo(f"warning: {inert(words)}", err=True)
