"""The subscriber's host, as the settings place it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from farm.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.cli.settings import Settings
    from farm.client.repository.host import Host
    from farm.client.repository.read_only_host import ReadOnlyHost


def open_host(settings: Settings) -> Host:
    """Return the subscriber's state with what this machine shares."""
    from farm.client.repository.host import Host

    return Host(settings.state, settings.host, warn)


@contextmanager
def looking_host(settings: Settings) -> Iterator[ReadOnlyHost]:
    """The subscriber's state for who only looks: the last verified release stands in where there is no news.

    At the end it is told which did, and how old they are.
    """
    from farm.client.repository.read_only_host import ReadOnlyHost, nothing_fetched

    host = ReadOnlyHost(settings.state, settings.host, warn)
    with nothing_fetched(host):
        yield host
    for each in host.stood_in.values():
        warn(str(each))


def last_verified_form(host: ReadOnlyHost) -> dict[str, Any]:
    """Return what JSON says of releases that stood in for the newest ones; nothing where none did."""
    found = [each.to_dict() for each in host.stood_in.values()]
    return {"last-verified": found} if found else {}


def warn(words: str) -> None:
    """Say in one line what is not as it should be, and is no reason to stop."""
    say(f"warning: {words}", err=True)
