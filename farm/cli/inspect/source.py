"""`farm source`: the sources of a package."""

from __future__ import annotations

from pathlib import Path

import click

from farm.cli.options import channel_option
from farm.cli.output import say
from farm.cli.settings import Settings
from farm.cli.subscriber import open_host


@click.command()
@click.argument("package")
@click.option(
    "--output", type=click.Path(path_type=Path), help="The directory to write to.  [default: the name of the package]"
)
@channel_option
def source(package: str, output: Path | None, channel: str) -> int:
    """Fetch the sources, the recipe and the plan of PACKAGE, verified by digest.

    The signed release names the recipe, and the signed provenance of the builder the sources. For sources that are
    binary packages of Debian, fetches their source packages too, which the recipe names by digest. Exits with status 1
    when some of them are not available.

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
        of = f"built from {', '.join(made_of)}" if made_of else "and the recipe does not name its source"
        say(f"sources/{deb} is a binary package of Debian, {of}")
    if written.unread:
        say(f"it is not known whether binary packages of Debian are among them: {written.unread}", err=True)
    if written.missing:
        say(f"not published, and therefore missing: {', '.join(written.missing)}", err=True)
    return 1 if written.missing or written.unread else 0
