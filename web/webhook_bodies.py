"""Verifies webhooks of forges while their bodies arrive. Nothing of a body is kept: it is never interpreted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.errors import FarmError
from web.receiving import pieces

if TYPE_CHECKING:
    from starlette.types import Receive

    from farm.server.git.received_webhooks import Webhook
    from web.settings import WebSettings


class WebhookBodies:
    """The bodies that are arriving, of callers who are unknown until the last byte: only so many at a time."""

    def __init__(self, settings: WebSettings) -> None:
        self._settings = settings
        self._arriving = 0

    async def verify(self, webhook: Webhook, receive: Receive, promised: int | None) -> None:
        """Compare the signature of a webhook with its body; `promised` is its `Content-Length`, if any.

        Raises `FarmError` (`forged-webhook`, `overloaded`, `body-too-large`, `body-too-slow`) and `ClientDisconnect`.
        """
        if self._arriving >= self._settings.webhooks:
            raise FarmError("the farm is receiving as many webhooks as it can at a time", code="overloaded")
        self._arriving += 1
        try:
            await self._receive(webhook, receive, promised)
        finally:
            self._arriving -= 1

    async def _receive(self, webhook: Webhook, receive: Receive, promised: int | None) -> None:
        most = self._settings.webhook_bytes
        too_large = FarmError(f"the body of a webhook may have {most} bytes", code="body-too-large")
        if promised is not None and promised > most:
            raise too_large
        size, body = 0, webhook.hash()
        async for piece in pieces(receive, self._settings):
            size += len(piece)
            if size > most:
                raise too_large
            body.update(piece)
        webhook.check(body)
