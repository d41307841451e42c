"""`farm lock`: a set of packages written down, so that it can be had again anywhere."""

from __future__ import annotations

from pathlib import Path

import click

from farm.cli.options import channel_option
from farm.cli.output import say_document
from farm.cli.root_change import open_root
from farm.cli.settings import Settings
from farm.cli.subscriber import open_host


@click.command()
@click.argument("packages", nargs=-1)
@click.option("--root", type=click.Path(path_type=Path), help="Lock what this directory holds.")
@channel_option
def lock(packages: tuple[str, ...], root: Path | None, channel: str) -> None:
    """Print the set of PACKAGES, or what a root holds, as a lock file: JSON with each package's digest and its release.

    `farm install --locked` makes the same set of it on any host that follows the channel, however many releases later.

    \b
    Examples:
      farm lock --root /srv/tools > farm.lock
      farm lock bash jq > farm.lock
    """
    from farm.client.root.lock_file import lock_generation, lock_packages, write_lock

    if bool(packages) == bool(root):
        raise click.UsageError("Name packages, or a directory with --root: one of the two.")
    if root:
        if channel:
            raise click.UsageError("A root knows its channel: leave --channel away.")
        record = lock_generation(open_root(root).installed())
    else:
        record = lock_packages(open_host(Settings.from_environment()).catalogue_of(packages, channel), packages)
    say_document(write_lock(record).encode())
