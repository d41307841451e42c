"""`farm audit`: which advisories hold for what is installed here, or for what a channel holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.packages import channel_option
from farm.cli.settings import Settings
from farm.cli.subscriber import open_host

if TYPE_CHECKING:
    from farm.client.audit import Audit, Exposed

FOUND = 3


@click.command()
@click.option("--root", type=click.Path(path_type=Path), help="A directory that farm has installed into.")
@channel_option
@click.option("--format", "form", type=click.Choice(("table", "json")), default="table", show_default=True)
def audit(root: Path | None, channel: str, form: str) -> int:
    """Say which signed advisories hold for the packages of a root, or of a channel's newest release.

    Ends with status 0 when none does, and with 3 when one was found. Advisories that the distribution states to do no
    harm in a package are no finding.

    \b
    Examples:
      farm audit --root /srv/tools
      farm audit --channel dist.example.org/edge --format json
    """
    from farm.client.audit import audit_channel, audit_root

    if root and channel:
        raise click.UsageError("A root knows its channel: name --root or --channel, not both.")
    host = open_host(Settings.from_environment())
    found = audit_root(host, root.absolute()) if root else audit_channel(host, channel)
    click.echo(json.dumps(found.to_dict(), indent=1) if form == "json" else _table(found))
    return FOUND if found.exposed else 0


def _table(found: Audit) -> str:
    from farm.cli.rendering import table

    harmless = f"; {len(found.harmless)} more stated to do no harm" if found.harmless else ""
    count = f"{len(found.exposed)} advisories hold" if len(found.exposed) != 1 else "1 advisory holds"
    lines = [f"{found.subject}: {found.packages} packages, {count}{harmless}"]
    if found.exposed:
        headings = ("PACKAGE", "VERSION", "ADVISORY", "SEVERITY", "SINCE", "FIXED IN", "SUMMARY")
        lines += ["", table([_row(each) for each in found.exposed], headings)]
        lines += ["", *_what_to_do(found)]
    return "\n".join(lines)


def _row(each: Exposed) -> tuple[str, ...]:
    finding = each.finding
    since = f"release {each.since.number}, {each.since.released_at[:10]}" if each.since else "?"
    fixed = finding.fixed or "no version yet"
    if each.fixed_in:
        fixed = f"{finding.fixed or 'another version'}, release {each.fixed_in.number}"
    version = f"{finding.version}-{finding.revision}"
    return finding.package, version, finding.advisory.id, finding.severity, since, fixed, finding.advisory.summary


def _what_to_do(found: Audit) -> list[str]:
    commands = sorted({each.command for each in found.exposed if each.command})
    lines = [f"To fix it: {command}" for command in commands]
    waiting = sorted({each.finding.package for each in found.exposed if each.fixed_in is None})
    if waiting:
        lines.append(f"No release fixes {', '.join(waiting)} yet.")
    return lines
