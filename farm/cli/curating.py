"""What the verbs of curators share: the connection, reasons, the times until which something holds, and orders."""

from __future__ import annotations

import json
import textwrap
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from farm.cli.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.api.curator_client import CuratorClient

LARGEST_NUMBER = 2**31 - 1


def read_until(text: str, now: datetime) -> datetime:
    """Return the time that a length from `now` (`3d`) or a date (`2026-12-24`, UTC) names. Raises `ValueError`."""
    from farm.recipe.duration import duration
    from farm.recipe.names import InvalidValueError

    try:
        return now + duration(text)
    except InvalidValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"{text[:60]!r} is neither a length of time (3d, 12h) nor a date (2026-12-24, 2026-12-24T18:00Z)"
        raise ValueError(message) from error
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if at <= now:
        raise ValueError(f"{at:%Y-%m-%d %H:%M} UTC is over; name a time that lies ahead")
    return at


why_option = click.option("--why", required=True, help="The reason, for those who wonder later.")


def _ahead(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    try:
        return read_until(value, datetime.now(UTC)) if value is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error


until_option = click.option("--until", callback=_ahead, help="Until when: 3d, 12h, or a date such as 2026-12-24.")
number_type = click.IntRange(1, LARGEST_NUMBER)


@contextmanager
def curator() -> Iterator[CuratorClient]:
    """The connection to the farm at FARM_URL in the name of the holder of FARM_TOKEN."""
    from farm.api.curator_client import CuratorClient

    settings = Settings.from_environment()
    with CuratorClient(settings.url, settings.token) as client:
        yield client


def clock(text: str | None) -> str:
    """Return a time of the farm as people read it: `2026-11-24 12:00`."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M}" if text else ""


def in_brief(text: str) -> str:
    """Return the beginning of a text of a stranger in one line."""
    from farm.cli.inert import inert

    return inert(textwrap.shorten(text, 100, placeholder=" …"))


def until_text(text: str | None) -> str:
    """Return ` until 2026-11-24 12:00`, or nothing when there is no end."""
    return f" until {clock(text)}" if text else ""


def tell_order(order: dict[str, Any], as_json: bool) -> None:
    """Say that an order was taken."""
    if as_json:
        click.echo(json.dumps(order, indent=1))
        return
    click.echo(f"order {order['id']} to {order['channel']}: {order['summary']}")
    click.echo(f"the pipeline takes it up in turn; see `farm channel show {order['channel']}`", err=True)
