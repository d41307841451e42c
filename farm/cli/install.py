"""`farm install`: packages of a channel into a root directory, as one new generation."""

from __future__ import annotations

from pathlib import Path

import click

from farm.cli.packages import channel_option
from farm.cli.settings import Settings
from farm.cli.subscriber import open_host


@click.command()
@click.argument("packages", nargs=-1, required=True)
@click.option("--root", required=True, type=click.Path(path_type=Path), help="The directory to install into.")
@channel_option
def install(packages: tuple[str, ...], root: Path, channel: str) -> None:
    """Install PACKAGES, and all that they need, into a root directory.

    What was installed there before stays: the root's new state holds both. Nothing changes until everything has been
    fetched, verified and proven to work together.

    \b
    Example:
      farm install --root /srv/tools bash grep jq
      chroot /srv/tools jq -n '1+1'
    """
    from farm.cli.progress import downloads
    from farm.client.generations import Generation, Root, describe_packages
    from farm.client.host import composition_of

    host, place = open_host(Settings.from_environment()), Root(root.absolute())
    catalogue = host.catalogue(channel)
    before = place.current()
    asked = tuple(sorted({*packages, *(before.asked if before else ())}))
    verified = catalogue.verified(asked)
    composition = composition_of(verified)
    with downloads(sum(each.entry.archive.size for each in verified)) as progress:
        unpacked = host.unpack(catalogue, verified, progress)
    release = catalogue.release
    wanted = Generation(
        number=0,
        distribution=release.distribution,
        channel=release.channel,
        release=release.number,
        package_set=release.package_set,
        asked=asked,
        packages=describe_packages([(each.descriptor.digest, each.store) for each in verified]),
    )
    state = place.install(wanted, composition.forest, unpacked)
    click.echo(
        f"{root}: generation {state.number}, {len(state.packages)} packages from release {state.release} of "
        f"{state.distribution}/{state.channel}"
    )
