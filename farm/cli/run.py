"""`farm run`: packages of a channel in a late-bound container, without building an image."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

import click

from farm.cli.packages import channel_option
from farm.cli.settings import Settings
from farm.cli.severity_option import max_severity_option, severity_check
from farm.cli.subscriber import open_host


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("packages", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--network", default="none", show_default=True, help="Docker's network mode.")
@click.option("--user", default="65534:65534", show_default=True, help="The user and group to run as.")
@click.option("--mount", "mounts", multiple=True, metavar="SOURCE:TARGET", help="A directory to see, read-only.")
@click.option("--env", "environment", multiple=True, metavar="NAME=VALUE", help="An environment variable to set.")
@click.option("--verbose", is_flag=True, help="Say which packages run.")
@max_severity_option
@channel_option
def run(
    packages: tuple[str, ...],
    network: str,
    user: str,
    mounts: tuple[str, ...],
    environment: tuple[str, ...],
    verbose: bool,
    max_severity: str | None,
    channel: str,
) -> None:
    """Run a command over PACKAGES of the newest verified release.

    PACKAGES end at `--`; the command follows. Without a command, the one that is called like the first package runs.

    \b
    Examples:
      farm run jq -- jq -n '1+1'
      farm run bash grep jq -- bash -c 'echo "[1,2]" | jq -c .[] | grep 2'
    """
    names, command = _split(sys.argv, packages)
    from farm.cli.progress import downloads
    from farm.client import late_binding
    from farm.client.host import composition_of
    from farm.engine.empty_image import EmptyImage
    from farm.engine.sandbox import connect

    settings = Settings.from_environment()
    host = open_host(settings)
    catalogue = host.catalogue(channel)
    verified = catalogue.verified(names)
    severity_check(host, catalogue, max_severity or settings.max_severity)(verified)
    composition = composition_of(verified)
    with downloads(sum(each.entry.archive.size for each in verified)) as progress:
        unpacked = host.unpack(verified, progress)
    image = EmptyImage.of(verified[0].descriptor.platform).ensure(connect(settings.docker))
    links = late_binding.links_directory(host.state, composition)
    options = late_binding.RunOptions(
        command=command or (names[0],),
        network=network,
        user=user,
        environment=tuple(pair(each, "=") for each in environment),
        binds=tuple(pair(each, ":") for each in mounts),
        terminal=sys.stdin.isatty() and sys.stdout.isatty(),
    )
    line = late_binding.docker_command(image, composition, unpacked, links, options)
    late_binding.record_run(host.state, datetime.now(UTC).isoformat(), catalogue, verified, options.command[0])
    if verbose:
        for each in verified:
            click.echo(f"{each.name} {each.entry.version}-{each.entry.revision} {each.descriptor.digest}", err=True)
    sys.stdout.flush()
    os.execvp(line[0], line)  # noqa: S606  # the container's exit status, signals and terminal become ours


def _split(argv: list[str], packages: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    # Click drops the `--`, which is what parts the packages from the command.
    if "--" not in argv:
        return packages, ()
    count = len(argv) - argv.index("--") - 1
    names, command = packages[: len(packages) - count], packages[len(packages) - count :]
    if not names:
        raise click.UsageError("Name at least one package before `--`.")
    return names, command


def pair(text: str, separator: str) -> tuple[str, str]:
    """Return the two sides of `text`; wrong use when `separator` is not in it."""
    name, found, value = text.partition(separator)
    if not found:
        raise click.UsageError(f"{text!r} lacks {separator!r}.")
    return name, value
