"""`farm gc`: remove old states of roots, packages of the cache that nothing uses, and old logs of local builds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.options import json_option
from farm.cli.output import say, say_json
from farm.cli.progress import TerminalProgress
from farm.cli.settings import Settings
from farm.cli.subscriber import open_host
from farm.core.names.wording import counted, human_size

if TYPE_CHECKING:
    from farm.client.gc.collect import Garbage

_KEEP = 3


@click.command()
@click.option(
    "--root",
    "roots",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Remove old states of this root only; may be repeated.  [default: all roots]",
)
@click.option(
    "--keep", type=click.IntRange(1), default=_KEEP, show_default=True, help="How many states of each root to keep."
)
@click.option("--dry-run", is_flag=True, help="Print what would be removed, and remove nothing.")
@json_option
def gc(roots: tuple[Path, ...], keep: int, dry_run: bool, as_json: bool) -> None:
    """Remove old states of roots, cached packages that nothing uses, and old logs of local builds and tests.

    The current state of a root is never removed, nor anything that a root, an image, or a run of the last 30 days uses.
    Logs are old after 30 days, or when newer ones take 1 GiB. Waits for other farm commands that install on this host.

    \b
    Examples:
      farm gc --dry-run
      farm gc --root /srv/tools --keep 1
    """
    from farm.build.local_logs import LocalLogs
    from farm.client.gc.collect import collect_garbage

    settings, now = Settings.from_environment(), datetime.now(UTC)
    host = open_host(settings)
    found = collect_garbage(host, now, only=roots, keep=keep, dry_run=dry_run, waiting=TerminalProgress().wait_for)
    logs, size = LocalLogs.below(settings.state).collect(now.timestamp(), dry_run=dry_run)
    found.size += size
    if as_json:
        say_json({"dry-run": dry_run, **found.to_dict(), "logs": logs})
        return
    for line in _lines(found, logs, dry_run=dry_run):
        say(line)


def _lines(found: Garbage, logs: int, *, dry_run: bool) -> list[str]:
    lines = [f"{path}: generation {number}" for path, number in found.generations]
    lines += [f"{path} no longer exists: forgotten" for path in found.forgotten]
    lines += [f"{path} is unchanged: {why}" for path, why in found.left]
    if found.building:
        lines.append("a build is running on this host: cached packages are kept for now")
    if found.links:
        lines.append(f"links of runs not started for 30 days: {found.links}")
    if logs:
        lines.append(f"old logs of builds and tests on this machine: {logs}")
    counts = [(len(found.generations), "generation"), (len(found.packages), "package"), (found.blobs, "blob")]
    what = ", ".join(counted(count, word) for count, word in counts)
    verb = "would be removed" if dry_run else "removed"
    return [*lines, f"{verb}: {what}; {human_size(found.size)}"]
