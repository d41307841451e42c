"""`farm why`: why a package is rebuilt, held back, and needed; and which packages need a library or a command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farm.cli.inspect.why_needed import chain_line
from farm.cli.name_completion import package_names
from farm.cli.options import channel_option, json_option
from farm.cli.output import table, tell_result
from farm.cli.recipes_option import recipes_option
from farm.cli.settings import Settings
from farm.cli.subscriber import open_host

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farm.cli.output import Line
    from farm.client.audit.dependents import Dependent, Query
    from farm.client.audit.need_sets import NeedSet


@click.command()
@click.argument("what", shell_complete=package_names)
@click.option("--reverse", is_flag=True, help="List every package that needs WHAT, and by which of its files.")
@click.option("--root", type=click.Path(path_type=Path), help="Look in a directory that farm has installed into.")
@click.option("--image", default="", help="Look in an image, named as for `farm image inspect`.")
@channel_option
@recipes_option
@json_option
def why(
    what: str, reverse: bool, root: Path | None, image: str, channel: str, recipes: Path | None, as_json: bool
) -> None:
    """Show why the package WHAT is rebuilt, why it is held back from a channel, and why it is needed.

    Rebuilt: which inputs differ between the recipe here and its newest build on this machine, or else the build of the
    channel; and what caused its newest job at the farm. Held back: the excuses of the channels of the farm at FARM_URL.
    Needed: by what, in the roots of this machine.

    With --root or --image, shows only why it is needed there: the chain of dependencies from each requested package.
    With --reverse, lists every package that needs it: of a root, of an image, or without either of the newest release
    of a channel. Then WHAT may be a library (libssl.so.3), a symbol of one (libssl.so.3:SSL_new) or a command (bash)
    too.

    \b
    Examples:
      farm why jq
      farm why openssl --root /srv/tools
      farm why --reverse libssl.so.3:SSL_new
      farm why --reverse openssl --image api:1
    """
    from farm.client.audit.dependents import understand, who_needs
    from farm.client.audit.need_chains import chains_to

    if sum((bool(root), bool(image), bool(channel))) > 1:
        raise click.UsageError("Name one of --root, --image and --channel.")
    if not (reverse or root or image):
        from farm.cli.inspect.why_sections import Question, sections_about
        from farm.cli.inspect.why_unknown import check_known

        question = Question(what, channel, recipes, Settings.from_environment())
        sections = sections_about(question)
        if not any(section.knows for section in sections.values()):
            answered = isinstance(sections["held"].form, list)
            check_known(question, farm_answered=answered, tree_read="rebuilt" not in sections)
        lines = (line for section in sections.values() for line in section.lines)
        forms = {name: section.form for name, section in sections.items()}
        tell_result(lines, {"asked": what} | forms, as_json=as_json)
        return
    if recipes:
        raise click.UsageError("--recipes says where WHAT is built from: leave out --root, --image and --reverse.")
    asked = _set(root, image, channel)
    wanted = understand(what, asked.packages, asked.where)
    found = who_needs(wanted, asked.packages, asked.facts)
    form: dict[str, Any] = {"asked": what, "where": asked.where, "provided-by": list(wanted.providers)}
    if reverse:
        form["dependents"] = [dependent.to_dict() for dependent in found]
        tell_result(_dependents(wanted, asked, found), form, as_json=as_json)
    else:
        chains = chains_to(wanted, asked, found)
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


def _lines(wanted: Query, asked: NeedSet, chains: Sequence[Sequence[str]]) -> Iterator[Line]:
    yield f"{asked.where}: {_provided(wanted, asked)}"
    if not chains:
        yield "  no requested package needs it"
    yield from map(chain_line, chains)


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
