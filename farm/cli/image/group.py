"""`farm image`: OCI images as sets of packages. Each verb has its file."""

from __future__ import annotations

import click

from farm.cli.image.build import build
from farm.cli.image.diff import diff
from farm.cli.image.inspect import inspect
from farm.cli.image.list import list_images
from farm.cli.image.push import push
from farm.cli.image.remove import remove
from farm.cli.image.update import update


@click.group()
def image() -> None:
    """Make container images out of packages. Look into them, and change one package of them."""


for verb in (build, diff, inspect, list_images, push, remove, update):
    image.add_command(verb)
