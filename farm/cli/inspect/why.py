"""`farm why`: why a package is in a root or an image, and which packages need a library, a symbol or a command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farm.cli.options import channel_option, json_option
from farm.cli.output import table, tell_result
from farm.cli.settings import Settings
from farm.cli.subscriber import open_host

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farm.cli.output import Line
    from farm.client.audit.dependents import Dependent, Query
    from farm.client.audit.need_sets import NeedSet


@click.command()
@click.argument("what")
@click.option("--reverse", is_flag=True, help="List every package that needs WHAT, and by which of its files.")
@click.option("--root", type=click.Path(path_type=Path), help="Look in a directory that farm has installed into.")
@click.option("--image", default="", help="Look in an image, named as for `farm image inspect`.")
@channel_option
@json_option
def why(what: str, reverse: bool, root: Path | None, image: str, channel: str, as_json: bool) -> None:
    """Show why WHAT is in a root or an image: the chain of dependencies from each requested package.

    WHAT is a package (openssl), a library (libssl.so.3), a symbol of one (libssl.so.3:SSL_new) or a command (bash).
    With --reverse, lists every package that needs it: of a root, of an image, or without either of the newest release
    of a channel.

    \b
    Examples:
      farm why openssl --root /srv/tools
      farm why --reverse libssl.so.3:SSL_new
      farm why --reverse openssl --image api:1
    """
    from farm.client.audit.dependents import understand, who_needs

    if sum((bool(root), bool(image), bool(channel))) > 1:
        raise click.UsageError("Name one of --root, --image and --channel.")
    if not (reverse or root or image):
        raise click.UsageError("Name a --root or an --image; or use --reverse, which also searches a channel.")
    asked = _set(root, image, channel)
    wanted = understand(what, asked.packages, asked.where)
    found = who_needs(wanted, asked.packages, asked.facts)
    form: dict[str, Any] = {"asked": what, "where": asked.where, "provided-by": list(wanted.providers)}
    if reverse:
        form["dependents"] = [dependent.to_dict() for dependent in found]
        tell_result(_dependents(wanted, asked, found), form, as_json=as_json)
    else:
        chains = list(_chains(wanted, asked, found))
        tell_result(_lines(wanted, asked, chains), form | {"chains": chains}, as_json=as_json)


def _set(root: Path | None, image: str, channel: str) -> NeedSet:
    from farm.client.audit.need_sets import channel_needs, image_needs, root_needs

    settings = Settings.from_environment()
    if image:
        from farm.cli.subscriber import opened

        known, host, _ = opened(image, settings)
        return image_needs(host, image, known)
    host = open_host(settings)
    return root_needs(host, root.absolute()) if root else channel_needs(host.catalogue(channel))


def _chains(wanted: Query, asked: NeedSet, found: Sequence[Dependent]) -> Iterator[list[str]]:
    """Yield the names from a requested package to one that provides what is wanted."""
    names = {name for word in asked.asked for name in (word, word.rpartition("/")[2])}
    for provider in wanted.providers:
        if provider in names:
            yield [provider]
    for dependent in found:
        if dependent.name in names:
            yield [*(dependent.path or (dependent.name,)), *wanted.providers[:1]]


def _lines(wanted: Query, asked: NeedSet, chains: Sequence[Sequence[str]]) -> Iterator[Line]:
    yield f"{asked.where}: {_provided(wanted, asked)}"
    if not chains:
        yield "  no requested package needs it"
    for chain in chains:
        yield f"  {chain[0]} was requested" + (f": {' → '.join(chain)}" if len(chain) > 1 else "")


def _dependents(wanted: Query, asked: NeedSet, found: Sequence[Dependent]) -> Iterator[Line]:
    direct = sum(bool(dependent.uses) for dependent in found)
    count = f"{direct} {'package needs' if direct == 1 else 'packages need'} it"
    more = f", {len(found) - direct} more through these" if len(found) > direct else ""
    yield f"{asked.where}: {_provided(wanted, asked)}: {count}{more}"
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


def _provided(wanted: Query, asked: NeedSet) -> str:
    labels = [asked.packages.members[name].label for name in wanted.providers]
    return f"{wanted.asked}, of {' and '.join(labels)}" if labels else f"{wanted.asked}, which nothing there provides"
