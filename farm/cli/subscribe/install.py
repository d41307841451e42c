"""`farm install`: packages of a channel, or what a lock file names, into a root directory, as one new generation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.options import channel_option, json_option
from farm.cli.root_change import dry_run_option, newest_for, open_root, root_option, tell, terms
from farm.cli.settings import Settings
from farm.cli.severity_option import max_severity_option, policy_in_force, severity_check
from farm.cli.subscriber import open_host

if TYPE_CHECKING:
    from farm.client.repository.host import Host
    from farm.client.root.generations import Root
    from farm.client.root.installation import Change, InstallOptions


@click.command()
@click.argument("packages", nargs=-1)
@root_option
@click.option(
    "--locked", type=click.Path(path_type=Path), metavar="FILE", help="Install just what this lock file names."
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
    """Install PACKAGES, and all that they need, into a root directory.

    What was installed there before stays: the root's new state holds both. Nothing changes until everything has been
    fetched, verified and proven to work together. With --locked the root holds just the packages that `farm lock` has
    written down, of the releases that it has named.

    \b
    Example:
      farm install --root /srv/tools bash grep jq
      chroot /srv/tools jq -n '1+1'
      farm install --root /srv/tools --locked farm.lock
    """
    from farm.client.root.installation import install as install_packages

    if bool(packages) == bool(locked):
        raise click.UsageError("Name packages, or a lock file with --locked: one of the two.")
    settings = Settings.from_environment()
    host, place = open_host(settings), open_root(root)
    severity = max_severity or settings.max_severity
    if locked:
        if channel:
            raise click.UsageError("A lock file names its channels: leave --channel away.")
        change = _install_locked(host, place, locked, severity, terms(dry_run=dry_run, as_json=as_json))
    else:
        catalogue = newest_for(host, place, channel, packages)
        how = terms(dry_run=dry_run, as_json=as_json, allow=severity_check(host, catalogue, severity))
        change = install_packages(host, catalogue, place, packages, how)
    tell(place, root, change, dry_run=dry_run, as_json=as_json)


def _install_locked(host: Host, root: Root, locked: Path, severity: str, how: InstallOptions) -> Change:
    from farm.client.root.installation import install_exactly
    from farm.client.root.lock_file import locked_packages, read_lock

    record = read_lock(locked)
    packages = locked_packages(host, record)
    policy, _ = policy_in_force()
    for release in record.releases if severity or not policy.limits_nothing else ():
        severity_check(host, host.catalogue(release.subscription), severity)(packages)
    why = f"install --locked {locked.name}"
    return install_exactly(host, root, record, packages, why=why, terms=how)
