"""The subscriber's host and its images, as the settings place them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from farm.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.cli.settings import Settings
    from farm.client.image.known_image import KnownImage
    from farm.client.repository.host import Host
    from farm.client.repository.read_only_host import ReadOnlyHost
    from farm.container.image_store import EngineImages


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


def opened(
    name: str, settings: Settings, host: Host | None = None, *, certainly: bool = False
) -> tuple[KnownImage, Host, EngineImages | None]:
    """Return an image by its name, the host (that of the settings, if none is given), and the engine if there is one.

    Where Docker has another image under the name, that is said. Whoever judges, sends or changes an image asks for it
    `certainly`. Raises what `open_image` raises; asked so, `AmbiguousImageError`.
    """
    from farm.client.image.engine import docker_images
    from farm.client.image.known_image import open_image, unambiguous

    host, engine = host or open_host(settings), docker_images(settings.docker)
    known = open_image(name, host, engine)
    if certainly:
        unambiguous(known)
    elif known.rival:
        warn(f"{name}: this is {known.digest}, made here last under that name; Docker has {known.rival} under it")
    return known, host, engine
