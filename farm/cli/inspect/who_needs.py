"""`farm who-needs`: which packages need a library, a symbol, a command or a package, and through what."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.options import channel_option, json_option
from farm.cli.output import Line, say, say_json
from farm.cli.settings import Settings
from farm.cli.subscriber import open_host

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farm.client.audit.dependents import Dependent, Query
    from farm.client.audit.need_sets import NeedSet


@click.command("who-needs")
@click.argument("what")
@click.option("--root", type=click.Path(path_type=Path), help="Look in a directory that farm has installed into.")
@click.option("--image", default="", help="Look in an image, named as for `farm image inspect`.")
@channel_option
@json_option
def who_needs(what: str, root: Path | None, image: str, channel: str, as_json: bool) -> None:
    """Say which packages need WHAT, through which of their files, and which others need those.

    WHAT is a package (openssl), a library (libssl.so.3), a symbol of one (libssl.so.3:SSL_new) or a command (bash).
    Without --root or --image it is asked of a channel's newest release.

    \b
    Examples:
      farm who-needs libssl.so.3:SSL_new
      farm who-needs openssl --root /srv/tools
    """
    from farm.client.audit.dependents import understand
    from farm.client.audit.dependents import who_needs as look

    if sum((bool(root), bool(image), bool(channel))) > 1:
        raise click.UsageError("Name one of --root, --image and --channel.")
    asked = _set(root, image, channel)
    wanted = understand(what, asked.packages, asked.where)
    found = look(wanted, asked.packages, asked.facts)
    if as_json:
        form = {
            "asked": what,
            "where": asked.where,
            "provided-by": list(wanted.providers),
            "dependents": [dependent.to_dict() for dependent in found],
        }
        say_json(form)
        return
    for line in _lines(wanted, asked, found):
        say(line)


def _set(root: Path | None, image: str, channel: str) -> NeedSet:
    from farm.client.audit.need_sets import channel_needs, image_needs, root_needs

    settings = Settings.from_environment()
    if image:
        from farm.cli.image_opening import opened

        known, host, _ = opened(image, settings)
        return image_needs(host, image, known)
    host = open_host(settings)
    return root_needs(host, root.absolute()) if root else channel_needs(host.catalogue(channel))


def _lines(wanted: Query, asked: NeedSet, found: Sequence[Dependent]) -> Iterator[Line]:
    from farm.cli.rendering import table

    labels = [asked.packages.members[name].label for name in wanted.providers]
    provided = (
        f"{wanted.asked}, of {' and '.join(labels)}" if labels else f"{wanted.asked}, which nothing there provides"
    )
    direct = sum(bool(dependent.uses) for dependent in found)
    count = f"{direct} {'package needs' if direct == 1 else 'packages need'} it"
    more = f", {len(found) - direct} more through these" if len(found) > direct else ""
    yield f"{asked.where}: {provided}: {count}{more}"
    rows = [
        (
            dependent.label,
            "; ".join(map(str, dependent.uses)) if dependent.uses else f"through {' → '.join(dependent.path[1:])}",
        )
        for dependent in found
    ]
    if rows:
        yield ""
        yield from table(rows, ("PACKAGE", "NEEDS"))
