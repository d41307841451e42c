"""`farm run`: packages of a channel in a late-bound container, without building an image."""

from __future__ import annotations

import difflib
import sys
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.options import channel_option
from farm.cli.output import say
from farm.cli.override_lines import override_lines
from farm.cli.progress import TerminalProgress
from farm.cli.run.finding import find_packages
from farm.cli.run.mount_option import read_mounts
from farm.cli.run.options import command_words, run_options
from farm.cli.run.publish_option import check_publishing, read_ports
from farm.cli.settings import Settings
from farm.cli.severity_option import max_severity_option, policy_in_force
from farm.cli.subscriber import open_host

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.client.repository.catalogue import Catalogue, VerifiedPackage
    from farm.client.repository.host import Host
    from farm.client.run.host_needs import Granted
    from farm.client.run.late_binding import RunOptions
    from farm.client.run.user_mounts import OwnMounts
    from farm.container.sandbox_spec import Bind
    from farm.core.sets.members.set_record import SetRecord
    from farm.core.subscriber.image_file import ImageFile


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("packages", nargs=-1, type=click.UNPROCESSED)
@click.option("-f", "--file", type=click.Path(path_type=Path, dir_okay=False), help="An image file, as image.yaml.")
@click.option(
    "--with",
    "engine",
    type=click.Choice(("docker", "bubblewrap")),
    help="What runs it.  [default: docker where an engine answers, else bubblewrap]",
)
@click.option("--network", default="none", show_default=True, help="Docker's network mode; of bubblewrap none or host.")
@click.option("--user", default="", help="The user and group to run as.  [default: the file's, or 65534:65534]")
@click.option(
    "--mount",
    "mounts",
    multiple=True,
    callback=read_mounts,
    metavar="SOURCE:TARGET[:rw]",
    help="A file or directory to see: read-only, unless :rw says that it can be written.",
)
@click.option(
    "--publish",
    "-p",
    multiple=True,
    callback=read_ports,
    metavar="[IP:]HOST:CONTAINER[/udp]",
    help="A port of this host's that leads to the container's. For Docker, with a --network.",
)
@click.option("--env", "environment", multiple=True, metavar="NAME=VALUE", help="An environment variable to set.")
@click.option("--offline", is_flag=True, help="Ask no repository: run the last verified release, of what is here.")
@click.option(
    "--verbose", is_flag=True, help="Say which packages run, with what, and which privileges they are granted."
)
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
    verbose: bool,
    max_severity: str | None,
    channel: str,
) -> int:
    """Run a command over PACKAGES, or over those of an image file, of the newest verified release.

    PACKAGES end at `--`; the command follows. Without a command, the one that is called like the first package runs, or
    what the file says. No image is made: packages, and the file's own directories, are mounted read-only. Ports that
    the file names are published by --publish alone.

    \b
    Examples:
      farm run jq -- jq -n '1+1'
      farm run bash grep jq -- bash -c 'echo "[1,2]" | jq -c .[] | grep 2'
      farm run -f image.yaml
      farm run -f image.yaml --network bridge --publish 127.0.0.1:8080:8080 --mount ./data:/data:rw
    """
    from farm.client.repository.offline import nothing_fetched
    from farm.client.run.engine import choose_engine
    from farm.client.run.host_needs import grant
    from farm.client.run.late_binding import LateBoundRun
    from farm.client.run.links import links_directory
    from farm.client.run.mount_guard import check_writable
    from farm.client.run.prepare import Started, prepare
    from farm.client.run.prepared_run import key_of, settings_of, words_of
    from farm.client.run.record import append_run, run_form
    from farm.core.sets.needs.host import joint_needs
    from farm.store.http.deadline import Deadline

    names, words = _split(sys.argv, packages)
    if unknown := next((name for name in names if name.startswith("-")), ""):
        raise click.NoSuchOption(unknown, possibilities=difflib.get_close_matches(unknown, _options_of(run)))
    if bool(names) == bool(file):
        raise click.UsageError("Name packages before `--`, or an image file with --file.")
    settings = Settings.from_environment()
    key, before = key_of(words_of(sys.argv[2:])[0]), settings_of(str(settings.state))
    wanted = _read(file) if file else None
    waited = click.get_current_context().obj or 0.0
    host, chosen = open_host(settings), choose_engine(engine or "", settings.docker)
    check_publishing(publish, network, chosen.name)
    check_writable(host, mounts)
    with host.in_use(TerminalProgress().wait_for):
        found = find_packages(host, channel, file, names, wanted, offline=offline, deadline=Deadline.after(waited))
        catalogue, verified = found.catalogue, found.packages
        lists = found.last.lists if found.last else None
        policy = policy_in_force(max_severity)
        policy.check(host, catalogue, verified, lists)
        own = _own(host, file, wanted, verified)
        own = replace(own, binds=(*own.binds, *_emptied(host, own)))
        asked = run_options(names, words, wanted, own, mounts, environment, network=network, user=user)
        asked = replace(asked, publish=publish)
        needs = joint_needs(package.descriptor.host for package in verified)
        granted = grant(asked, needs, chosen)
        with nothing_fetched(found.last) if found.last else nullcontext():
            unpacked = _unpacked(host, verified)
        links = links_directory(host.state, own.composition)
        record = _record(catalogue, verified, wanted.names if wanted else names)
        _tell(record, granted, chosen.name, verbose=verbose)
        late = LateBoundRun(verified[0].descriptor.platform, own.composition, unpacked, links, granted.options)
        if not (found.last or verbose or environment or granted.unknown or own.binds or own.hidden):
            entrypoint, usual = command_words(names, wanted)
            files = [each for each in (file, policy.file) if each]
            with suppress(OSError):  # it starts all the same
                prepare(host, key, before, chosen, Started(record, late, entrypoint, usual, files))
        now, started = datetime.now(UTC).isoformat(), run_form(record, links)
        append_run(str(host.state), now, started, granted.options.command[0], chosen.name)
    return chosen.start(late)


def _options_of(command: click.Command) -> list[str]:
    return [name for param in command.params for name in param.opts if name.startswith("--")]


def _split(argv: list[str], packages: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    # Click drops the `--`, which is what parts the packages from the command.
    if "--" not in argv:
        return packages, ()
    count = len(argv) - argv.index("--") - 1
    return packages[: len(packages) - count], packages[len(packages) - count :]


def _read(file: Path) -> ImageFile:
    from farm.core.subscriber.image_file import read_image_file

    return read_image_file(file.read_bytes(), str(file))


def _own(host: Host, file: Path | None, wanted: ImageFile | None, verified: Sequence[VerifiedPackage]) -> OwnMounts:
    from farm.client.run.user_mounts import own_mounts

    described = [(package.descriptor, package.manifest) for package in verified]
    if wanted is None or file is None:
        return own_mounts([], described)
    from farm.client.image.asking import check_replaced, own_directories  # brings a reader of YAML

    check_replaced(wanted, {package.descriptor.name.short for package in verified})
    directories = own_directories(wanted, file.parent)
    return own_mounts(directories, described, wanted.replaces, wanted.imports, host.cache.path)


def _emptied(host: Host, own: OwnMounts) -> list[tuple[str, str]]:
    """Return what stands in place of files that are to be seen empty."""
    empty = host.state / "empty"
    if own.hidden_files and not empty.exists():
        empty.touch(0o444)
    return [(str(empty), path) for path in own.hidden_files]


def _unpacked(host: Host, verified: Sequence[VerifiedPackage]) -> dict[str, Path]:
    from farm.cli.progress import downloads

    lacking = host.lacking(verified)
    with downloads(sum(package.entry.archive.size for package in lacking)) as progress:
        return host.unpack(verified, progress)


def _record(catalogue: Catalogue, verified: Sequence[VerifiedPackage], asked: Sequence[str]) -> SetRecord:
    from farm.client.repository.placed_packages import placed_packages, release_ref
    from farm.core.sets.members.set_record import SetRecord

    return SetRecord(tuple(asked), placed_packages(catalogue, verified), (release_ref(catalogue),))


def _tell(record: SetRecord, granted: Granted, engine: str, *, verbose: bool) -> None:
    for each in granted.unknown:
        say(f"warning: nobody can say whether this kernel has {each}, which the set needs", err=True)
    for line in override_lines(record.packages):
        say(line, err=True)
    if verbose:
        _tell_all(record, engine, granted.options)


def _tell_all(record: SetRecord, engine: str, options: RunOptions) -> None:
    distributions = {package.name.distribution for package in record.packages}
    for package in record.packages:
        name = package.name.short if len(distributions) == 1 else package.name
        say(f"{name} {package.full_version} {package.descriptor}", err=True)
    releases = " and ".join(str(release) for release in record.releases)
    written = [f"writing {bind.source}" for bind in options.binds if bind.writable]
    published = [f"port {each}" for each in options.publish]
    privileges = ", ".join([*options.capabilities, *options.devices, *written, *published]) or "none"
    say(f"set {record.digest} of {releases}, with {engine}; privileges granted: {privileges}", err=True)
