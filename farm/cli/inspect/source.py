"""`farm source`: what a package of a channel was made of."""

from __future__ import annotations

from pathlib import Path

import click

from farm.cli.options import channel_option
from farm.cli.output import say
from farm.cli.settings import Settings
from farm.cli.subscriber import open_host


@click.command()
@click.argument("package")
@click.option("--output", type=click.Path(path_type=Path), help="The directory to write to; by default the name.")
@channel_option
def source(package: str, output: Path | None, channel: str) -> int:
    """Fetch all that PACKAGE was made of: its sources, its recipe and its plan, verified by digest.

    The signed release names the recipe, and the builder's signed provenance the sources. Where these are binary
    packages of Debian's, it says so, and fetches what Debian built them from, as the recipe names it by digest. Ends
    with status 1 where some of that cannot be had.

    \b
    Example:
      farm source jq --output jq-source
    """
    from farm.client.repository.sources import write_sources

    catalogue = open_host(Settings.from_environment()).catalogue_of([package], channel)
    directory = output or Path(catalogue.entry(package).name)
    written = write_sources(catalogue, package, directory, lambda path: say(f"  {path}", err=True))
    say(f"{directory}: {written.files} files and plan.json")
    for deb, made_of in written.debian:
        of = f"built from {', '.join(made_of)}" if made_of else "whose source the recipe does not name"
        say(f"sources/{deb} is a binary package of Debian's, {of}")
    if written.unread:
        say(f"whether Debian's packages are among them is not known: {written.unread}", err=True)
    if written.missing:
        say(f"not published, and so not here: {', '.join(written.missing)}", err=True)
    return 1 if written.missing or written.unread else 0
