"""The subscriber's host, as the settings place it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.cli.output import say

if TYPE_CHECKING:
    from farm.cli.settings import Settings
    from farm.client.host import Host


def open_host(settings: Settings) -> Host:
    """Return the subscriber's state with what this machine shares."""
    from farm.client.host import Host

    return Host(settings.state, settings.host, warn)


def warn(words: str) -> None:
    """Say in one line what is not as it should be, and is no reason to stop."""
    say(f"warning: {words}", err=True)
