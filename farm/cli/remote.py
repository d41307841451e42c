"""Shared by the verbs that ask a farm: the connection, reasons, numbers, times, and orders to the pipeline."""

from __future__ import annotations

import textwrap
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from farm.cli.channel_lines import candidate_line, say_trouble
from farm.cli.output import say, say_json, tell_result
from farm.cli.settings import Settings
from farm.cli.sign_order import tell_signed

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.api.curator_client import CuratorClient
    from farm.api.notification_client import NotificationClient

LARGEST_NUMBER = 2**31 - 1
_POLL_SECONDS = 0.5


def read_until(text: str, now: datetime) -> datetime:
    """Return a future time, given as a duration (`3d`) or a date (`2026-12-24`, UTC). Raises `ValueError`."""
    at = _read_time(text, now, 1)
    if at <= now:
        raise ValueError(f"{at:%Y-%m-%d %H:%M} UTC is in the past")
    return at


def _read_since(text: str, now: datetime) -> datetime:
    """Return a past time, given as a duration (`3d`) or a date (UTC). Raises `ValueError`."""
    return _read_time(text, now, -1)


def _read_time(text: str, now: datetime, direction: int) -> datetime:
    from farm.core.files.duration import duration
    from farm.core.files.matching import InvalidValueError

    with suppress(InvalidValueError):
        return now + direction * duration(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"{text[:60]!r} is neither a duration (3d, 12h) nor a date (2026-12-24, 2026-12-24T18:00Z)"
        raise ValueError(message) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _time_read_by(read: Callable[[str, datetime], datetime]) -> Callable[..., datetime | None]:
    def callback(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
        try:
            return read(value, datetime.now(UTC)) if value is not None else None
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from error

    return callback


number_type = click.IntRange(1, LARGEST_NUMBER)
why_option = click.option("--why", required=True, help="The reason, for the audit trail.")
until_option = click.option(
    "--until", callback=_time_read_by(read_until), help="The end: 3d, 12h, or a date such as 2026-12-24."
)
since_option = click.option(
    "--since",
    callback=_time_read_by(_read_since),
    help="Show only entries since then: 3d, 12h, or a date such as 2026-11-24.",
)


def connect() -> CuratorClient:
    """Return a connection to the farm at FARM_URL in the name of the holder of FARM_TOKEN; a context manager."""
    from farm.api.curator_client import CuratorClient

    settings = Settings.from_environment()
    return CuratorClient(settings.url, settings.token)


def connect_to_follow() -> NotificationClient:
    """Return a connection as `connect` does, for what the farm notifies that holder of."""
    from farm.api.notification_client import NotificationClient

    settings = Settings.from_environment()
    return NotificationClient(settings.url, settings.token)


def clock(text: str | None) -> str:
    """Return a time of the farm in UTC, as `2026-11-24 12:00`."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M}" if text else ""


def in_brief(text: str) -> str:
    """Return the beginning of a text in one line."""
    return textwrap.shorten(text, 100, placeholder=" …")


def until_text(text: str | None) -> str:
    """Return ` until 2026-11-24 12:00`, or nothing without an end."""
    return f" until {clock(text)}" if text else ""


reason_option = click.option("--why", default="", help="The reason, for the audit trail.")
wait_option = click.option("--wait", is_flag=True, help="Wait until it is done; exit with status 1 if it was refused.")


def tell_order(farm: CuratorClient, order: dict[str, Any], *, wait: bool, as_json: bool) -> int:
    """Print the order, and with `wait` its outcome; return the exit status."""
    if tell_signed(farm, order):
        return 1
    if not as_json:
        say(f"order {order['id']} to {order['channel']}: {order['summary']}")
    elif not wait:
        say_json(order)
    if not wait:
        if not as_json:
            say(f"the pipeline will carry it out; see `farm channel show {order['channel']}`", err=True)
        return 0
    done = _until_done(farm, order)
    if done is None:
        return 1
    tell_result([done["outcome"]], done, as_json=as_json)
    return int(done["ending"] in ("refused", "withdrawn"))


def _until_done(farm: CuratorClient, order: dict[str, Any]) -> dict[str, Any] | None:
    """Return the order once it is done; None, with a message, if the channel waits for a person."""
    said = ""
    while True:
        found = next((listed for listed in farm.orders(order["channel"]) if listed["id"] == order["id"]), order)
        if found["done-at"]:
            return found
        status = farm.channel(order["channel"])
        if say_trouble(order["channel"], status):
            return None
        now = candidate_line(status)
        if now and now != said:
            say(now, err=True)
            said = now
        time.sleep(_POLL_SECONDS)
