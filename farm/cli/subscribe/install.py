"""`farm install`, `farm upgrade` and `farm remove`: change the packages of a root, as one new generation."""

from __future__ import annotations

from pathlib import Path

import click

from farm.cli.options import channel_option, json_option
from farm.cli.root_change import RootProgress, dry_run_option, root_option, tell
from farm.cli.settings import Settings
from farm.cli.severity_option import max_severity_option, policy_in_force
from farm.cli.subscriber import open_host


@click.command()
@click.argument("packages", nargs=-1)
@root_option
@click.option(
    "--locked", type=click.Path(path_type=Path), metavar="FILE", help="Install exactly the packages of a lock file."
)
@dry_run_option
@max_severity_option
@channel_option
@json_option
def install(
    packages: tuple[str, ...],
    root: Path,
    locked: Path | None,
    dry_run: bool,
    max_severity: str | None,
    channel: str,
    as_json: bool,
) -> None:
    """Install PACKAGES, and the packages that they need, into a root directory.

    Packages that are installed there already stay. Nothing changes until everything has been fetched, verified and
    proven to work together. With --locked, the root holds exactly the packages of the lock file, of the releases that
    it names.

    \b
    Examples:
      farm install --root /srv/tools bash grep jq
      chroot /srv/tools jq -n '1+1'
      farm install --root /srv/tools --locked farm.lock
    """
    from farm.client.root.installation import RootRequest, install_packages

    if bool(packages) == bool(locked):
        raise click.UsageError("Name packages, or a lock file with --locked, not both.")
    if locked and channel:
        raise click.UsageError("A lock file names its channels: leave out --channel.")
    request = RootRequest(root.absolute(), packages, locked, channel, policy_in_force(max_severity), dry_run)
    change = install_packages(open_host(Settings.from_environment()), request, RootProgress(err=as_json))
    tell(root, change, dry_run=dry_run, as_json=as_json)


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
