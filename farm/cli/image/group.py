"""`farm image`: OCI images as sets of packages. Each verb has its own file."""

from __future__ import annotations

import click

from farm.cli.groups import VerbGroup


@click.group(cls=VerbGroup, below="image")
def image() -> None:
    """Make container images of packages, inspect them, and update single packages of them."""
