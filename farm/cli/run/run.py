"""`farm run`: run packages of a channel in a container, without building an image."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.options import channel_option, name_and_value
from farm.cli.output import say, say_lines
from farm.cli.progress import TerminalProgress
from farm.cli.run.options import read_mounts, read_ports
from farm.cli.set_lines import named, override_lines
from farm.cli.settings import Settings
from farm.cli.severity_option import max_severity_option, policy_in_force
from farm.cli.subscriber import open_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.client.run.late_binding import RunOptions
    from farm.client.run.start import PlannedRun
    from farm.container.sandbox_spec import Bind
    from farm.core.sets.members.set_record import SetRecord


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("packages", nargs=-1, type=click.UNPROCESSED)
@click.option("-f", "--file", type=click.Path(path_type=Path, dir_okay=False), help="An image file, as image.yaml.")
@click.option(
    "--with",
    "engine",
    type=click.Choice(("docker", "bubblewrap")),
    help="The engine.  [default: docker if it is running, else bubblewrap]",
)
@click.option(
    "--network", default="none", show_default=True, help="The network mode of Docker; with bubblewrap none or host."
)
@click.option("--user", default="", help="The user and group to run as.  [default: that of the file, or 65534:65534]")
@click.option(
    "--mount",
    "mounts",
    multiple=True,
    callback=read_mounts,
    metavar="SOURCE:TARGET[:rw]",
    help="Mount a file or directory of the host: read-only, or writable with :rw.",
)
@click.option(
    "--publish",
    "-p",
    multiple=True,
    callback=read_ports,
    metavar="[IP:]HOST:CONTAINER[/udp]",
    help="Publish a container port on the host (Docker only, with a --network).",
)
@click.option("--env", "environment", multiple=True, metavar="NAME=VALUE", help="Set an environment variable.")
@click.option("--offline", is_flag=True, help="Use no network: run the last verified release.")
@click.option(
    "--preview", metavar="NUMBER", type=click.IntRange(1), help="Run a submission's preview, not the newest release."
)
@click.option("--verbose", is_flag=True, help="Print the packages, the engine, and the privileges granted.")
@max_severity_option
@channel_option
def run(
    packages: tuple[str, ...],
    file: Path | None,
    engine: str | None,
    network: str,
    user: str,
    mounts: tuple[Bind, ...],
    publish: tuple[str, ...],
    environment: tuple[str, ...],
    offline: bool,
    preview: int | None,
    verbose: bool,
    max_severity: str | None,
    channel: str,
) -> int:
    """Run a command in a container that holds PACKAGES, or the packages of an image file.

    PACKAGES end at `--`; the command follows. Without a command, runs that of the image file, or the one named like the
    first package. Packages are taken from the newest verified release, or with --preview from the unreleased preview of
    a submission. No image is built: the packages, and the directories that the file names, are mounted read-only. Only
    --publish publishes ports.

    \b
    Examples:
      farm run jq -- jq -n '1+1'
      farm run bash grep jq -- bash -c 'echo "[1,2]" | jq -c .[] | grep 2'
      farm run --preview 17 jq -- jq --version
      farm run -f image.yaml
      farm run -f image.yaml --network bridge --publish 127.0.0.1:8080:8080 --mount ./data:/data:rw
    """
    from farm.client.run.prepared_run import key_of, words_of
    from farm.client.run.request import RunRequest
    from farm.client.run.start import start

    key_words, words = words_of(sys.argv[2:])
    names = packages[: len(packages) - len(words)]
    _check_names(names, file)
    if preview is not None and offline:
        raise click.UsageError("A preview is asked for at its farm: leave out --offline.")
    settings = Settings.from_environment()
    request = RunRequest(
        packages=names,
        file=file,
        command=tuple(words),
        engine=engine or "",
        docker=settings.docker,
        network=network,
        user=user,
        mounts=mounts,
        publish=publish,
        environment=tuple(map(name_and_value, environment)),
        terminal=sys.stdin.isatty() and sys.stdout.isatty(),
        offline=offline,
        channel=channel,
        preview=preview,
        policy=policy_in_force(max_severity),
        waited=click.get_current_context().obj or 0.0,
        prepare_as="" if verbose else key_of(key_words),
    )
    return start(open_host(settings), request, _Progress(verbose=verbose))


def _check_names(names: tuple[str, ...], file: Path | None) -> None:
    if unknown := next((name for name in names if name.startswith("-")), ""):
        options = [name for param in run.params for name in param.opts if name.startswith("--")]
        raise click.NoSuchOption(unknown, possibilities=difflib.get_close_matches(unknown, options))
    if bool(names) == bool(file):
        raise click.UsageError("Name packages before `--`, or an image file with --file.")


class _Progress(TerminalProgress):
    """Output before the command starts: unknown facts, overrides, and all about it if requested."""

    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose

    def announce(self, planned: PlannedRun) -> None:
        """Print what is going to run."""
        record, granted = planned.record, planned.granted
        for option in granted.unknown:
            say(f"warning: nobody can say whether this kernel has {option}, which the set needs", err=True)
        say_lines(override_lines(record.packages), err=True)
        if self._verbose:
            say_lines(_all_of(record, granted.options, planned.engine), err=True)


def _all_of(record: SetRecord, options: RunOptions, engine: str) -> Iterator[str]:
    for name, package in named(record):
        yield f"{name} {package.full_version} {package.descriptor}"
    releases = " and ".join(str(release) for release in record.releases)
    written = [f"writing {bind.source}" for bind in options.binds if bind.writable]
    published = [f"port {port}" for port in options.publish]
    privileges = ", ".join([*options.capabilities, *options.devices, *written, *published]) or "none"
    yield f"set {record.digest} of {releases}, with {engine}; privileges granted: {privileges}"
