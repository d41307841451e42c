"""`farm lock`: write a lock file, from which the same set of packages can be installed anywhere."""

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
@click.option("--root", type=click.Path(path_type=Path), help="Lock the packages of this root.")
@channel_option
def lock(packages: tuple[str, ...], root: Path | None, channel: str) -> None:
    """Print a lock file of PACKAGES and what they need, or of the packages of a root.

    The file is JSON, with the digest and the release of each package. `farm install --locked` installs exactly these on
    any host that follows the channel, also many releases later.

    \b
    Examples:
      farm lock --root /srv/tools > farm.lock
      farm lock bash jq > farm.lock
    """
    from farm.client.root.lock_file import lock_generation, lock_packages, write_lock

    if bool(packages) == bool(root):
        raise click.UsageError("Name either packages or a directory with --root.")
    if root:
        if channel:
            raise click.UsageError("A root has its channel: leave out --channel.")
        record = lock_generation(open_root(root).installed())
    else:
        record = lock_packages(open_host(Settings.from_environment()).catalogue_of(packages, channel), packages)
    say_document(write_lock(record).encode())
