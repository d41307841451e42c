"""The API for notifications: what changes of one's own submissions, jobs and packages, and webhooks that get it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.api import answers, notification_wire
from farm.api.farm_client import FarmClient

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class NotificationClient(FarmClient):
    """A connection to a farm in the name of a person who follows what is their own there."""

    def watch(
        self,
        *,
        since: int | None = None,
        wait: int = 0,
        submission: int | None = None,
        at_work: Sequence[int] = (),
    ) -> notification_wire.WatchWire:
        """Return what is one's own and unfinished; with `since`, what has changed, up to `wait` seconds later.

        The jobs `at_work` are returned in any case.
        """
        asked = {"since": since, "wait": wait or None, "submission": submission, "at_work": list(at_work) or None}
        return self._get("/api/v1/watch", notification_wire.WatchWire, **asked)

    def webhooks(self) -> tuple[notification_wire.WebhookWire, ...]:
        """Return one's own webhooks, oldest first."""
        return self._get("/api/v1/webhooks", notification_wire.WebhookPage).webhooks

    def add_webhook(self, url: str, events: Iterable[str]) -> notification_wire.WebhookWire:
        """Register an address for one's own events; the answer has the secret."""
        body = {"url": url, "events": list(events)}
        return self._post("/api/v1/webhooks", notification_wire.WebhookWire, body)

    def remove_webhook(self, number: int) -> notification_wire.WebhookWire:
        """Remove a webhook of one's own."""
        return answers.read_model(self._send("DELETE", f"/api/v1/webhooks/{number}"), notification_wire.WebhookWire)

    def test_webhook(self, number: int) -> str:
        """Send a test message to a webhook; return the message's id."""
        return self._post(f"/api/v1/webhooks/{number}/test", notification_wire.TestMessageWire, {}).message
