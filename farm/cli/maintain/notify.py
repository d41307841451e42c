"""`farm notify`: webhooks that get one's own events."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from farm.cli.groups import VerbGroup
from farm.cli.options import json_option
from farm.cli.output import say, tell_result, tell_table
from farm.cli.remote import connect_to_follow, number_type

if TYPE_CHECKING:
    from farm.api.notification_client import NotificationClient
    from farm.api.notification_wire import WebhookWire

_TEST_SECONDS = 20
_POLL_SECONDS = 0.5


@click.group(cls=VerbGroup, below="notify")
def notify() -> None:
    """Let the farm deliver your events to an address: failed and repaired builds, submissions, released packages."""


@click.command()
@click.argument("url")
@click.option(
    "--events",
    multiple=True,
    metavar="KIND,…",
    help="Only these kinds, as job.failed,package.released; may be repeated.  [default: all]",
)
@json_option
def add(url: str, events: tuple[str, ...], as_json: bool) -> None:
    """Send your events to URL from now on; prints the secret that signs them, once.

    Messages and signatures are those of Standard Webhooks. The farm reaches only public addresses, unless its operator
    allows others.

    \b
    Examples:
      farm notify add https://chat.example.org/hooks/farm
      farm notify add https://ci.example.org/farm --events job.failed,job.recovered
    """
    kinds = [kind for part in events for kind in part.split(",") if kind]
    _check_kinds(kinds)
    with connect_to_follow() as farm:
        made = farm.add_webhook(url, kinds)
    lines = [f"webhook {made.id}: {made.url}", f"secret {made.secret}"]
    tell_result(lines, made.model_dump(mode="json"), as_json=as_json)
    if not as_json:
        say(f"Keep the secret now: it is not shown again. Try it with: farm notify test {made.id}", err=True)


@click.command("list")
@json_option
def list_webhooks(as_json: bool) -> None:
    """List your webhooks, and what is wrong with them.

    \b
    Example:
      farm notify list
    """
    with connect_to_follow() as farm:
        hooks = farm.webhooks()
    rows = [(str(hook.id), hook.url, ",".join(hook.events) or "all", _state(hook)) for hook in hooks]
    form = {"webhooks": [hook.model_dump(mode="json") for hook in hooks]}
    tell_table(rows, ("ID", "URL", "EVENTS", "STATE"), form, nothing="no webhooks", as_json=as_json)


@click.command()
@click.argument("number", metavar="ID", type=number_type)
@json_option
def remove(number: int, as_json: bool) -> None:
    """Remove the webhook ID; messages that wait for it are dropped.

    \b
    Example:
      farm notify remove 3
    """
    with connect_to_follow() as farm:
        removed = farm.remove_webhook(number)
    tell_result([f"webhook {number} is removed: {removed.url}"], removed.model_dump(mode="json"), as_json=as_json)


@click.command()
@click.argument("number", metavar="ID", type=number_type)
@json_option
def test(number: int, as_json: bool) -> int:
    """Send a test message to the webhook ID, and print the result; exits with status 1 if it was not taken.

    \b
    Example:
      farm notify test 3
    """
    with connect_to_follow() as farm:
        before = _find(farm, number)
        message = farm.test_webhook(number)
        after = _after_test(farm, before)
    # Messages are sent in their order, so an earlier failure may be in the way.
    taken = after.delivered_at is not None and after.delivered_at != before.delivered_at
    line = f"webhook {number} has taken it" if taken else f"webhook {number} has not taken it: {_state(after)}"
    form = {"message": message, "delivered": taken, "webhook": after.model_dump(mode="json")}
    tell_result([line], form, as_json=as_json)
    return int(not taken)


def _after_test(farm: NotificationClient, before: WebhookWire) -> WebhookWire:
    """Wait until something was sent to a webhook, and return it."""
    began = time.monotonic()
    while True:
        after = _find(farm, before.id)
        is_tried = (after.delivered_at, after.failures) != (before.delivered_at, before.failures)
        if is_tried or after.disabled_at or time.monotonic() - began > _TEST_SECONDS:
            return after
        time.sleep(_POLL_SECONDS)


def _find(farm: NotificationClient, number: int) -> WebhookWire:
    from farm.errors import FarmError

    found = next((hook for hook in farm.webhooks() if hook.id == number), None)
    if found is None:
        raise FarmError(f"you have no webhook {number}", remedy="See `farm notify list`.", code="not-found")
    return found


def _check_kinds(kinds: list[str]) -> None:
    from farm.api.notification_wire import EventKind

    known = [kind.value for kind in EventKind]
    if unknown := [kind for kind in kinds if kind not in known]:
        raise click.UsageError(f"{unknown[0]!r} is no kind of event. There are {', '.join(known)}.")


def _state(hook: WebhookWire) -> str:
    if hook.disabled_at:
        return f"disabled {hook.disabled_at:%Y-%m-%d %H:%M}: {hook.trouble}"
    if hook.trouble:
        again = f", again at {hook.not_before:%H:%M:%S} UTC" if hook.not_before else ""
        return f"{hook.failures} failed{again}: {hook.trouble}"
    waits = f"{hook.waiting} waiting, " if hook.waiting else ""
    last = f"last delivered {hook.delivered_at:%Y-%m-%d %H:%M} UTC" if hook.delivered_at else "nothing delivered yet"
    return waits + last
