"""`farm rollback`: a channel back to an older release, for its curator; a root to an earlier state, for its owner."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.curator import curator, number_type, tell_order, wait_option
from farm.cli.options import json_option
from farm.cli.sign_order import sign_act

if TYPE_CHECKING:
    from farm.api.curator_client import CuratorClient


@click.command()
@click.argument("words", nargs=-1, metavar="[CHANNEL NUMBER | GENERATION]")
@click.option("--root", type=click.Path(path_type=Path), help="A directory that farm has installed into.")
@click.option("--why", help="The reason, for those who wonder later; a channel needs one.")
@wait_option
@json_option
def rollback(words: tuple[str, ...], root: Path | None, why: str | None, wait: bool, as_json: bool) -> int:
    """Go back: a channel to what its release NUMBER held, or with --root a directory to an earlier state.

    A channel releases the old set as a new release, and its subscribers get it by upgrading. A root switches to
    GENERATION, without one to the state before the current; nothing is fetched.

    \b
    Examples:
      farm rollback edge 12 --why "jq 1.7.2 loses data"
      farm rollback --root /srv/tools
      farm rollback --root /srv/tools 3
    """
    if root is not None:
        if why is not None or wait:
            raise click.UsageError("--why and --wait are for channels: leave them away, or leave --root away.")
        if len(words) > 1:
            raise click.UsageError("With --root name one generation, or none: farm rollback --root DIR [GENERATION].")
        return _roll_back_root(root, _number(words[0], "GENERATION") if words else None, as_json=as_json)
    if len(words) != 2:
        missing = "NUMBER" if words else "CHANNEL"
        raise click.UsageError(f"Missing argument '{missing}'." if len(words) < 2 else "Too many arguments.")
    if why is None:
        raise click.UsageError("Missing option '--why'.")
    number = _number(words[1], "NUMBER")
    with curator() as farm:
        envelope = _sign_rollback(farm, words[0], number, why)
        order = farm.rollback(words[0], number, why=why, envelope=envelope)
        return tell_order(farm, order, wait=wait, as_json=as_json)


def _sign_rollback(farm: CuratorClient, channel: str, number: int, why: str) -> bytes | None:
    """Return the signed order to go back; None where there is no key, or no such release: the farm says so."""
    from farm.core.names.digest import Digest

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
    from farm.cli.override_lines import override_lines
    from farm.cli.result import tell_result
    from farm.cli.root_change import change_form, change_lines, open_root
    from farm.client.root.rollback import roll_back

    change = roll_back(open_root(path), number)
    state = f"{path}: generation {change.after.number}, {change.after.releases}"
    lines = [*change_lines(change), state, *override_lines(change.after.set.packages)]
    tell_result(lines, change_form(path, change), as_json=as_json)
    return 0
