"""`farm upgrade`: what was asked for in a root, from the newest release of its channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.options import channel_option, json_option
from farm.cli.root_change import dry_run_option, newest_for, open_root, root_option, tell, terms
from farm.cli.settings import Settings
from farm.cli.severity_option import max_severity_option, severity_check
from farm.cli.subscriber import open_host

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@root_option
@dry_run_option
@max_severity_option
@channel_option
@json_option
def upgrade(root: Path, dry_run: bool, max_severity: str | None, channel: str, as_json: bool) -> None:
    """Bring all that was asked for in a root to the newest release of its channel.

    Says what changes before it does. Only what changed is fetched. The state before is kept: `farm rollback --root`
    goes back to it.

    \b
    Examples:
      farm upgrade --root /srv/tools --dry-run
      farm upgrade --root /srv/tools
    """
    from farm.client.root.installation import upgrade as upgrade_root

    settings = Settings.from_environment()
    host, place = open_host(settings), open_root(root)
    place.installed()
    catalogue = newest_for(host, place, channel)
    allow = severity_check(host, catalogue, max_severity or settings.max_severity)
    change = upgrade_root(host, catalogue, place, terms(dry_run=dry_run, as_json=as_json, allow=allow))
    tell(place, root, change, dry_run=dry_run, as_json=as_json)
