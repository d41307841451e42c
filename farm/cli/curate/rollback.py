"""`farm rollback` and `farm channel rollback`: a root back to an earlier state, a channel back to an older release."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.options import json_option
from farm.cli.output import say, tell_result
from farm.cli.remote import connect, number_type, tell_order, wait_option, why_option
from farm.cli.sign_order import sign_act
from farm.core.names.digest import Digest

if TYPE_CHECKING:
    from farm.api.curator_client import CuratorClient


@click.command("rollback")
@click.argument("channel")
@click.argument("number", type=number_type)
@why_option
@wait_option
@json_option
def channel_rollback(channel: str, number: int, why: str, wait: bool, as_json: bool) -> int:
    """Make a new release of CHANNEL with the packages of its release NUMBER; subscribers get it by upgrading.

    \b
    Example:
      farm channel rollback edge 12 --why "jq 1.7.2 loses data"
    """
    with connect() as farm:
        envelope = _sign_rollback(farm, channel, number, why)
        order = farm.rollback(channel, number, why=why, envelope=envelope)
        return tell_order(farm, order, wait=wait, as_json=as_json)


@click.command()
@click.argument("words", nargs=-1, metavar="[GENERATION]")
@click.option("--root", type=click.Path(path_type=Path), help="A directory that farm has installed into.")
@click.option("--why", hidden=True)
@click.option("--wait", is_flag=True, hidden=True)
@json_option
@click.pass_context
def rollback(
    context: click.Context, words: tuple[str, ...], root: Path | None, why: str | None, wait: bool, as_json: bool
) -> int:
    """Switch a root back to GENERATION, or to the state before the current one. Nothing is fetched.

    `farm list --root DIR --generations` lists the generations that are kept. A channel is rolled back by `farm channel
    rollback`.

    \b
    Examples:
      farm rollback --root /srv/tools
      farm rollback --root /srv/tools 3
    """
    if root is None:
        return _former(context, words, why, wait=wait, as_json=as_json)
    if why is not None or wait:
        raise click.UsageError("--why and --wait are options of `farm channel rollback`; leave them out with --root.")
    if len(words) > 1:
        raise click.UsageError("With --root give one generation, or none: farm rollback --root DIR [GENERATION].")
    return _roll_back_root(root, _number(words[0], "GENERATION") if words else None, as_json=as_json)


def _former(context: click.Context, words: tuple[str, ...], why: str | None, *, wait: bool, as_json: bool) -> int:
    """Carry out `farm rollback CHANNEL NUMBER`, as `farm channel rollback` was called before."""
    if not words:
        raise click.UsageError("Missing option '--root'.")
    if len(words) != 2:
        raise click.UsageError("Missing argument 'NUMBER'." if len(words) < 2 else "Too many arguments.")
    if why is None:
        raise click.UsageError("Missing option '--why'.")
    number = _number(words[1], "NUMBER")
    now = "`farm rollback CHANNEL NUMBER` is now `farm channel rollback`"
    say(f"warning: {now}; the former name works in this release only", err=True)
    status: int = context.invoke(channel_rollback, channel=words[0], number=number, why=why, wait=wait, as_json=as_json)
    return status


def _sign_rollback(farm: CuratorClient, channel: str, number: int, why: str) -> bytes | None:
    """Return the signed order to roll back; None without a key, or without such a release: the farm refuses that."""
    for release in farm.releases(channel, before=number + 1, limit=1)["releases"]:
        if release["number"] == number:
            return sign_act(farm, "rollback", channel, reason=why, target=Digest(release["digest"]))
    return None


def _number(text: str, name: str) -> int:
    try:
        return int(number_type(text))
    except click.BadParameter as error:
        raise click.UsageError(f"Invalid value for '{name}': {error.message}") from error


def _roll_back_root(path: Path, number: int | None, *, as_json: bool) -> int:
    from farm.cli.root_change import change_form, change_lines, open_root
    from farm.cli.set_lines import override_lines
    from farm.client.root.installation import roll_back

    change = roll_back(open_root(path), number)
    state = f"{path}: generation {change.after.number}, {change.after.releases}"
    lines = [*change_lines(change), state, *override_lines(change.after.set.packages)]
    tell_result(lines, change_form(path, change), as_json=as_json)
    return 0
