"""`farm upgrade`: upgrade a root to the newest release of its channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.options import channel_option, json_option
from farm.cli.root_change import RootProgress, dry_run_option, root_option, tell
from farm.cli.settings import Settings
from farm.cli.severity_option import max_severity_option, policy_in_force
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
    """Upgrade the packages of a root to the newest release of its channel.

    Prints the changes before it makes them. Only changed packages are fetched. The previous state is kept: `farm
    rollback --root` switches back to it.

    \b
    Examples:
      farm upgrade --root /srv/tools --dry-run
      farm upgrade --root /srv/tools
    """
    from farm.client.root.installation import RootRequest, upgrade_root

    policy = policy_in_force(max_severity)
    request = RootRequest(root.absolute(), channel=channel, policy=policy, dry_run=dry_run)
    change = upgrade_root(open_host(Settings.from_environment()), request, RootProgress(err=as_json))
    tell(root, change, dry_run=dry_run, as_json=as_json)
