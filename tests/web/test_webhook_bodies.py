"""Bodies of webhooks: hashed as they arrive, few at a time, and refused as soon as they are too large."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from typing import TYPE_CHECKING

from farm.server.git.received_webhooks import Webhook
from tests.refusing import refuses
from tests.web.test_receiving import sending
from web.settings import WebSettings
from web.webhook_bodies import WebhookBodies

if TYPE_CHECKING:
    from starlette.types import Message

SETTINGS = WebSettings(webhook_bytes=10, webhooks=1, body_seconds=0.2)


def webhook(body: bytes, key: bytes = b"secret") -> Webhook:
    return Webhook("main", "push", hmac.new(key, body, hashlib.sha256).hexdigest(), "secret")


def verify(asked: Webhook, *parts: bytes, promised: int | None = None) -> None:
    asyncio.run(WebhookBodies(SETTINGS).verify(asked, sending(*parts), promised))


def test_the_whole_body_is_what_is_signed() -> None:
    verify(webhook(b"0123456789"), b"01234", b"", b"56789", promised=10)
    for other in (webhook(b"01234"), webhook(b"0123456789", b"another"), webhook(b"")):
        with refuses("forged-webhook", "main"):
            verify(other, b"01234", b"56789")


def test_one_that_is_too_large_is_refused_at_once_or_as_soon_as_it_shows() -> None:
    for promised in (11, None):
        with refuses("body-too-large", "10 bytes"):
            verify(webhook(b""), b"01234", b"567890", b"never asked for", promised=promised)


def test_who_ends_makes_room_for_the_next_and_meanwhile_there_is_none() -> None:
    async def silence() -> Message:
        await asyncio.sleep(60)
        raise AssertionError

    async def scenario() -> None:
        bodies = WebhookBodies(SETTINGS)
        slow = asyncio.create_task(bodies.verify(webhook(b""), silence, None))
        await asyncio.sleep(0)
        with refuses("overloaded"):
            await bodies.verify(webhook(b""), sending(b""), None)
        with refuses("body-too-slow"):
            await slow
        await bodies.verify(webhook(b""), sending(b""), None)

    asyncio.run(scenario())
