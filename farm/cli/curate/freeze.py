"""`farm freeze` and `farm thaw`: let a channel publish nothing, and let it go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.curator import curator, until_option, until_text, why_option
from farm.cli.options import json_option
from farm.cli.result import tell_result
from farm.cli.sign_order import sign_act, tell_signed

if TYPE_CHECKING:
    from datetime import datetime


@click.command()
@click.argument("channel")
@why_option
@until_option
@click.option("--replace", is_flag=True, help="Also in place of the freeze that there is, whoever made it.")
@json_option
def freeze(channel: str, why: str, until: datetime | None, replace: bool, as_json: bool) -> int:
    """Let CHANNEL publish nothing, until a time or until `farm thaw`.

    \b
    Example:
      farm freeze stable --why "the fair" --until 3d
    """
    with curator() as farm:
        signed = sign_act(farm, "freeze", channel, reason=why, until=until)
        answer = farm.freeze(channel, why=why, until=until, replace=replace, envelope=signed)
        status = tell_signed(farm, answer)
    if status == 0:
        said = f"{channel} is frozen{until_text(answer['frozen']['until'])}"
        tell_result([said], answer, as_json=as_json)
    return status


@click.command()
@click.argument("channel")
@json_option
def thaw(channel: str, as_json: bool) -> int:
    """Let a frozen CHANNEL go on.

    \b
    Example:
      farm thaw stable
    """
    with curator() as farm:
        answer = farm.thaw(channel, envelope=sign_act(farm, "thaw", channel))
        status = tell_signed(farm, answer)
    if status == 0:
        tell_result([f"{channel} goes on"], answer, as_json=as_json)
    return status
