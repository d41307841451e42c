"""`farm images`: the images on this host, and which of them hold a package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.options import json_option
from farm.cli.output import say, tell_table
from farm.cli.settings import Settings
from farm.cli.subscriber import open_host

if TYPE_CHECKING:
    from farm.client.image.inventory import HostImage


@click.command()
@click.option(
    "--holding",
    "wanted",
    multiple=True,
    metavar="PACKAGE[<VERSION]",
    help="List only images that hold this package; may be repeated.",
)
@json_option
def images(wanted: tuple[str, ...], as_json: bool) -> None:
    """List the images of this host with their packages, also those in Docker.

    --holding takes a package, or a package with one of < <= = >= > and a version: 3.5.3, which means all its revisions,
    or 3.5.3-1. Code that was linked into another package counts. Nothing is fetched.

    \b
    Examples:
      farm images
      farm images --holding 'openssl<3.5.3'
      farm images --holding 'zlib>=1.3' --holding curl --json
    """
    from farm.client.image.constraint import VersionConstraint
    from farm.client.image.inventory import host_images, matching
    from farm.container.docker_objects import labelled_images
    from farm.container.sandbox import SandboxUnavailableError, connect

    asked = list(map(VersionConstraint.parse, wanted))
    settings = Settings.from_environment()
    host = open_host(settings)
    try:
        labelled = labelled_images(connect(settings.docker))
    except SandboxUnavailableError:
        say("no Docker Engine is running: these are the images that were made here", err=True)
        labelled = []
    found = host_images(host, labelled)
    if asked:
        found = matching(host, found, asked)
    rows = [
        (
            " ".join(image.names) or "-",
            (image.digest or image.id)[:19],
            f"as {' '.join(image.elsewhere)}" if image.elsewhere else "yes" if image.in_docker else "no",
            ", ".join([str(held) for held in image.found] if asked else _packages(image)),
        )
        for image in found
    ]
    nothing = f"no image holds {' and '.join(wanted)}" if asked else "no images"
    headings = ("NAME", "DIGEST", "IN DOCKER", "HOLDING" if asked else "PACKAGES")
    tell_table(rows, headings, [image.to_dict() for image in found], nothing=nothing, as_json=as_json)


def _packages(image: HostImage) -> list[str]:
    return [f"{package.name.short} {package.full_version}" for package in image.record.packages]
