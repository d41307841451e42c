"""`farm remove`: remove packages from a root."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.options import json_option
from farm.cli.root_change import RootProgress, dry_run_option, root_option, tell
from farm.cli.settings import Settings
from farm.cli.subscriber import open_host

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("packages", nargs=-1, required=True)
@root_option
@dry_run_option
@json_option
def remove(packages: tuple[str, ...], root: Path, dry_run: bool, as_json: bool) -> None:
    """Remove PACKAGES from a root, and the packages that only they need.

    Other packages do not change, and no network is used. The previous state is kept, until `farm gc` removes it.

    \b
    Example:
      farm remove --root /srv/tools grep
    """
    from farm.client.root.installation import RootRequest, remove_packages

    request = RootRequest(root.absolute(), packages, dry_run=dry_run)
    change = remove_packages(open_host(Settings.from_environment()), request, RootProgress(err=as_json))
    tell(root, change, dry_run=dry_run, as_json=as_json)
