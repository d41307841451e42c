"""`farm source`: what a package of a channel was made of."""

from __future__ import annotations

from pathlib import Path

import click

from farm.cli.output import say
from farm.cli.packages import channel_option
from farm.cli.settings import Settings
from farm.cli.subscriber import open_host


@click.command()
@click.argument("package")
@click.option("--output", type=click.Path(path_type=Path), help="The directory to write to; by default the name.")
@channel_option
def source(package: str, output: Path | None, channel: str) -> None:
    """Fetch all that PACKAGE was made of: its sources, its recipe and its plan, verified by digest.

    The signed release names the recipe, and the builder's signed provenance the sources.

    \b
    Example:
      farm source jq --output jq-source
    """
    from farm.client.sources import write_sources

    catalogue = open_host(Settings.from_environment()).catalogue_of([package], channel)
    directory = output or Path(catalogue.entry(package).name)
    count = write_sources(catalogue, package, directory, lambda path: say(f"  {path}", err=True))
    say(f"{directory}: {count} files and plan.json")
