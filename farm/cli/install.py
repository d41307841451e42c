"""`farm install`: packages of a channel into a root directory, as one new generation."""

from __future__ import annotations

from pathlib import Path

import click

from farm.cli.packages import channel_option
from farm.cli.settings import Settings
from farm.cli.severity_option import max_severity_option, severity_check
from farm.cli.subscriber import open_host


@click.command()
@click.argument("packages", nargs=-1, required=True)
@click.option("--root", required=True, type=click.Path(path_type=Path), help="The directory to install into.")
@max_severity_option
@channel_option
def install(packages: tuple[str, ...], root: Path, max_severity: str | None, channel: str) -> None:
    """Install PACKAGES, and all that they need, into a root directory.

    What was installed there before stays: the root's new state holds both. Nothing changes until everything has been
    fetched, verified and proven to work together.

    \b
    Example:
      farm install --root /srv/tools bash grep jq
      chroot /srv/tools jq -n '1+1'
    """
    from farm.cli.progress import downloads
    from farm.client.generations import Root
    from farm.client.installation import install as install_packages

    settings = Settings.from_environment()
    host = open_host(settings)
    catalogue = host.catalogue(channel)
    allow = severity_check(host, catalogue, max_severity or settings.max_severity)
    with downloads(sum(each.archive.size for each in catalogue.closure(packages))) as progress:
        state = install_packages(host, catalogue, Root(root.absolute()), packages, progress, allow=allow)
    click.echo(
        f"{root}: generation {state.number}, {len(state.packages)} packages from release {state.release} of "
        f"{state.distribution}/{state.channel}"
    )
