"""The subscriber's host and its images, in the places that the settings name."""

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
    """Return the state of the subscriber, and what this machine shares."""
    from farm.client.repository.host import Host

    return Host(settings.state, settings.host, warn)


@contextmanager
def opened_read_only(settings: Settings) -> Iterator[ReadOnlyHost]:
    """The state of the subscriber, read-only: without news, the last verified releases are used.

    At the end, warns of those that were used, with their age.
    """
    from farm.client.repository.read_only_host import ReadOnlyHost, nothing_fetched

    host = ReadOnlyHost(settings.state, settings.host, warn)
    with nothing_fetched(host):
        yield host
    for fallback in host.fallbacks.values():
        warn(str(fallback))


def last_verified_form(host: ReadOnlyHost) -> dict[str, Any]:
    """Return the member of JSON documents with the last verified releases that were used instead of the newest."""
    found = [fallback.to_dict() for fallback in host.fallbacks.values()]
    return {"last-verified": found} if found else {}


def warn(words: str) -> None:
    """Print a warning in one line on standard error."""
    say(f"warning: {words}", err=True)


def opened(
    name: str, settings: Settings, host: Host | None = None, *, certainly: bool = False
) -> tuple[KnownImage, Host, EngineImages | None]:
    """Return an image by its name, the host (default: that of the settings), and the engine if there is one."""
    from farm.client.image.engine import docker_images
    from farm.client.image.known_image import open_image, unambiguous

    host, engine = host or open_host(settings), docker_images(settings.docker)
    known = open_image(name, host, engine)
    if certainly:
        unambiguous(known)
    elif known.rival:
        warn(f"{name}: this is {known.digest}, made here last under that name; Docker has {known.rival} under it")
    return known, host, engine
