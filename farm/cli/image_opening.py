"""What the verbs of images need: the host, the Docker Engine where there is one, and an image by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.cli.settings import Settings
    from farm.client.image.known_image import KnownImage
    from farm.client.repository.host import Host
    from farm.container.image_store import EngineImages


def opened(
    name: str, settings: Settings, host: Host | None = None, *, certainly: bool = False
) -> tuple[KnownImage, Host, EngineImages | None]:
    """Return an image by its name, the host (that of the settings, if none is given), and the engine if there is one.

    Where Docker has another image under the name, that is said. Whoever judges, sends or changes an image asks for it
    `certainly`. Raises what `open_image` raises; asked so, `AmbiguousImageError`.
    """
    from farm.cli.subscriber import open_host, warn
    from farm.client.image.engine import docker_images
    from farm.client.image.known_image import open_image, unambiguous

    host, engine = host or open_host(settings), docker_images(settings.docker)
    known = open_image(name, host, engine)
    if certainly:
        unambiguous(known)
    elif known.rival:
        warn(f"{name}: this is {known.digest}, made here last under that name; Docker has {known.rival} under it")
    return known, host, engine
