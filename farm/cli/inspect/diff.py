"""`farm diff`: two builds of a package, or two releases, compared."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from farm.cli.name_completion import package_names
from farm.cli.options import channel_option, json_option
from farm.cli.output import say, say_json, say_lines
from farm.cli.recipes_option import recipes_option, scope_of
from farm.cli.settings import Settings
from farm.core.comparison.reference import Reference
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from farm.build.local.interfaces import ComparedInterface
    from farm.cli.inspect.compared_sides import Side, Sides

DIFFERENT = 1
TROUBLE = 2


@click.command()
@click.argument("first", metavar="A", shell_complete=package_names)
@click.argument("second", metavar="[B]", required=False, shell_complete=package_names)
@click.option(
    "--content", metavar="PATH", default="", help="Compare the content of one file, by its path in the package."
)
@click.option(
    "--limit",
    default=100,
    show_default=True,
    type=click.IntRange(0),
    help="The most files and symbols to list; 0: all.",
)
@click.option("--abi", is_flag=True, help="Compare types and parameters of libraries too; both builds must be local.")
@recipes_option
@channel_option
@json_option
def diff(
    first: str,
    second: str | None,
    content: str,
    limit: int,
    abi: bool,
    recipes: Path | None,
    channel: str,
    as_json: bool,
) -> int:
    """Show the differences between two builds of a package, or between two releases.

    \b
    A and B are each one of
      jq                the newest build of this machine, with its recipe as it is now
      jq=1.7.1-1        the newest build of a version, with or without its revision
      jq@edge           the build in the newest release of a channel
      jq@edge@3         the build in release 3 of a channel
      sha256:…          the build with this descriptor
      edge@3            release 3 of a channel

    Without B, compares the channel's build of jq (A) with the newest of this machine, or release A with the newest of
    its channel. Shows recipe and inputs, files, exported symbols, and needs; of releases the packages, and why each was
    built anew.

    With --abi, libabigail compares the debug data of libraries too, in a container, with the toolchain `abi` of the
    tree of recipes; that needs root and a Docker Engine.

    Like diff(1), exits with status 0 when there is no difference, 1 when there is one, and 2 when something is wrong.

    \b
    Examples:
      farm diff jq
      farm diff jq=1.7.1-1 jq
      farm diff jq@edge jq --content bin/jq
      farm diff edge@3 edge@4
    """
    from farm.cli.inspect.compared_sides import Sides

    with _trouble():
        before, after = _references(first, second)
        settings = Settings.from_environment()
        sides = Sides(settings, channel, recipes or settings.recipes)
        if before.is_release != after.is_release:
            raise click.UsageError(f"{first} and {second} are a package and a release: compare two of a kind.")
        if before.is_release:
            if content or abi:
                raise click.UsageError("--content and --abi are about a package: name two builds, not releases.")
            return _compare_releases(sides, before, after, as_json=as_json)
        other = sides.side(after, before)
        is_alone = second is None and before.is_local
        one = sides.in_channel(before.name) if is_alone else sides.side(before, after)
        if content:
            from farm.cli.inspect.compared_content import compare_content

            return compare_content(one, other, content, as_json=as_json) and DIFFERENT
        interfaces = _interfaces(one, other, recipes) if abi else ()
        return _compare_builds(one, other, interfaces, limit, as_json=as_json)


@contextmanager
def _trouble() -> Iterator[None]:
    """End the command with the status for trouble, as 1 means that there are differences."""
    try:
        yield
    except FarmError as error:
        error.exit_status = TROUBLE
        raise
    except OSError as error:
        unreadable = FarmError(f"{error.filename or 'a file'}: {error.strerror or error}", code="unreadable")
        unreadable.exit_status = TROUBLE
        raise unreadable from error


def _references(first: str, second: str | None) -> tuple[Reference, Reference]:
    before = Reference.parse(first)
    if second is not None:
        return before, Reference.parse(second)
    if before.is_release:
        return before, Reference(channel=before.channel)
    if before.descriptor:
        raise click.UsageError("Name what to compare this build with.")
    return before, Reference(before.name)


def _interfaces(one: Side, other: Side, recipes: Path | None) -> tuple[ComparedInterface, ...]:
    """Return the verdicts on the libraries of two builds of this machine."""
    from farm.cli.local_builds import local_builds

    before, after = (side.build.descriptor for side in (one, other))
    if not (one.is_local and other.is_local) or before.name != after.name:
        raise click.UsageError("--abi compares two builds of one package that are on this machine.")
    with local_builds(recipes, scope_of()) as (builds, _every):
        return tuple(builds.compare_libraries(before.name.short, before.plan, after.plan))


def _compare_builds(
    one: Side, other: Side, interfaces: Sequence[ComparedInterface], limit: int, *, as_json: bool
) -> int:
    from farm.cli.inspect.comparison_lines import build_lines
    from farm.core.comparison.builds import compare_builds

    found = compare_builds(one.build, other.build)
    if as_json:
        say_json(found.to_dict() | {"interfaces": [interface.to_dict() for interface in interfaces]})
    else:
        say_lines(build_lines(found, interfaces, limit))
    return 0 if found.is_empty else DIFFERENT


def _compare_releases(sides: Sides, before: Reference, after: Reference, *, as_json: bool) -> int:
    from farm.cli.inspect.comparison_lines import release_lines
    from farm.client.audit.compared_releases import compare_releases

    old, new = sides.release(before), sides.release(after)
    changes = compare_releases(old, new)
    if as_json:
        found = list(changes)
        forms = [change.to_dict() | {"change": change.kind} for change in found]
        heads = {"before": str(old.release.digest), "after": str(new.release.digest)}
        say_json(heads | {"equal": not found, "packages": forms})
        return DIFFERENT if found else 0
    say(f"{old.release} → {new.release}")
    number = 0
    for number, line in enumerate(release_lines(changes), 1):  # noqa: B007  (as they come)
        say(line)
    if not number:
        say("no differences: both hold the same packages")
    return DIFFERENT if number else 0
