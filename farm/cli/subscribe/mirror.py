"""`farm mirror`: a verified copy of a channel in a directory, for a web server or a disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farm.cli.name_completion import channel_names
from farm.cli.options import json_option
from farm.cli.output import tell_result
from farm.cli.settings import Settings
from farm.cli.subscriber import open_host, warn
from farm.core.names.utc import utc_text
from farm.core.names.wording import counted, human_size

if TYPE_CHECKING:
    from farm.client.mirror.mirror import Mirrored


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--channel",
    "channels",
    multiple=True,
    metavar="DISTRIBUTION/CHANNEL",
    shell_complete=channel_names,
    help="A channel to mirror; may be repeated, for channels of one distribution.",
)
@click.option(
    "--keep", type=click.IntRange(1), metavar="N", help="How many of the newest releases to hold.  [default: 1]"
)
@click.option(
    "--release",
    "releases",
    multiple=True,
    metavar="N|newest",
    help="Also hold release N, for lock files; may be repeated. `newest` drops all such releases.",
)
@click.option(
    "--with-sources/--without-sources", "sources", default=None, help="Mirror the sources of packages.  [default: with]"
)
@click.option("--check", is_flag=True, help="Read all files of the mirror, and fetch damaged ones again.")
@json_option
def mirror(
    directory: Path,
    channels: tuple[str, ...],
    keep: int | None,
    releases: tuple[str, ...],
    sources: bool | None,
    check: bool,
    as_json: bool,
) -> None:
    """Make DIRECTORY a verified mirror of a channel, or update a mirror.

    Any web server can serve the directory, and `farm subscribe` reads it from a disk. Everything is verified from the
    pinned root on. Readers see the old state until the new one is complete. Only missing files are fetched. The options
    are remembered for the next update.

    \b
    Examples:
      farm mirror /srv/mirror --channel dist.example.org/stable
      farm mirror /srv/mirror
      farm mirror /mnt/disk --channel dist.example.org/stable --keep 2 --without-sources
    """
    from farm.cli.progress import TerminalProgress
    from farm.client.mirror.mirror import MirrorSelection
    from farm.client.mirror.mirror import mirror as mirror_channels

    host = open_host(Settings.from_environment())
    wanted = MirrorSelection(channels, keep, _numbers(releases), sources)
    made = mirror_channels(host, directory.absolute(), wanted, TerminalProgress(), check=check)
    for stale in made.stale:
        warn(f"{stale} could not be updated: its copy stays, and is valid until its metadata expires")
    tell_result(_words(directory, made), _form(directory, made), as_json=as_json)


def _numbers(releases: tuple[str, ...]) -> tuple[int, ...] | None:
    if not releases:
        return None
    numbers = set(releases) - {"newest"}
    if bad := sorted(number for number in numbers if not (number.isascii() and number.isdigit())):
        raise click.UsageError(f"{bad[0]!r} is neither a release number nor `newest`.")
    return tuple(sorted(set(map(int, numbers))))


def _words(directory: Path, made: Mirrored) -> list[str]:
    lines = []
    for release in made.releases:
        others = sorted(other.number for other in made.held if other.channel == release.channel and other != release)
        more = f", and release {', '.join(map(str, others))}" if others else ""
        packages = counted(release.packages, "package")
        lines.append(f"{directory}: release {release.number} of {release.subscription}, {packages}{more}")
    lines += [f"imported from {pin}: {', '.join(package.name for package in pin.packages)}" for pin in made.imports]
    if made.missing_sources:
        lines.append(f"{made.missing_sources} source files are not published by their owner")
    lines.append(f"fetched {human_size(made.fetched)}; valid until {utc_text(made.until)}: mirror again before that")
    return lines


def _form(directory: Path, made: Mirrored) -> dict[str, Any]:
    return {
        "directory": str(directory),
        "releases": [
            {
                "channel": release.subscription,
                "number": release.number,
                "release": release.digest,
            }
            for release in made.held
        ],
        "imports": [
            {"channel": f"{pin.distribution}/{pin.channel}", "number": pin.number, "release": pin.release}
            for pin in made.imports
        ],
        "fetched": made.fetched,
        "missing-sources": made.missing_sources,
        "stale": list(made.stale),
        "until": utc_text(made.until),
    }
