"""Webhooks of forges: verified by their signature before anything is read, and then only a reason to look.

The body is never interpreted: what has changed is asked of the repository and the forge themselves.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlmodel import col, delete

from farm.errors import FarmError
from farm.server.git.repositories import make_due
from farm.server.tables.git_rows import Forge, GitDeliveryRow
from farm.server.tables.writing import add_unless_stored

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlmodel import Session

    from farm.server.git.repositories import GitRepository
    from farm.server.transaction.unit_of_work import UnitOfWork

_SIGNATURE = re.compile(r"(sha256=)?([0-9a-f]{64})")
_DELIVERY = re.compile(r"[A-Za-z0-9-]{1,100}")
_HEADERS = {
    Forge.GITHUB: ("x-github-event", "x-github-delivery", ("x-hub-signature-256",)),
    Forge.FORGEJO: (
        "x-forgejo-event",
        "x-forgejo-delivery",
        ("x-forgejo-signature", "x-gitea-signature", "x-hub-signature-256"),
    ),
}
_PING = "ping"
_PUSH, _PULL_REQUEST = "push", "pull_request"


class WebhookResult(StrEnum):
    """What came of a webhook."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    IGNORED = "ignored"
    PING = "ping"


@dataclass(frozen=True, slots=True)
class WebhookHead:
    """The headers of a webhook: its event, the forge's id of it, and the HMAC-SHA256 of its body (hexadecimal)."""

    event: str
    delivery: str
    signature: str


def read_head(forge: Forge, headers: Mapping[str, str]) -> WebhookHead:
    """Return the head of a webhook; names of headers are in lower case. Raises `FarmError` (`unsigned-webhook`)."""
    event, delivery, signatures = _HEADERS[forge]
    # The first that is there counts: another one that fits does not make up for it.
    signature = next((headers[name] for name in signatures if name in headers), "")
    found = _SIGNATURE.fullmatch(signature)
    if found is None:
        raise FarmError(
            "the webhook has no signature",
            remedy="Give the forge the secret that `farm git connect` printed.",
            code="unsigned-webhook",
        )
    if not _DELIVERY.fullmatch(headers.get(delivery, "")):
        raise FarmError("the webhook has no id of its delivery", code="unsigned-webhook")
    return WebhookHead(headers.get(event, ""), headers[delivery], found[2])


def receive_webhook(unit: UnitOfWork, repository: GitRepository, head: WebhookHead, body: bytes) -> WebhookResult:
    """Have a repository read that a webhook says has changed. Raises `FarmError` (`forged-webhook`)."""
    expected = hmac.new(repository.secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, head.signature):
        raise FarmError(
            f"the webhook is not signed with the secret of {repository.name}",
            remedy="Give the forge the secret that `farm git connect` printed; else connect it anew.",
            code="forged-webhook",
        )
    row = GitDeliveryRow(repository=repository.name, delivery=head.delivery, at=unit.now)
    if not add_unless_stored(unit.session, row):
        return WebhookResult.REPEATED
    asks = head.event == _PUSH or head.event.startswith(_PULL_REQUEST)
    if asks or head.event == _PING:
        make_due(unit.session, repository.name, now=unit.now, delivered=True)
    if head.event == _PING:
        return WebhookResult.PING
    return WebhookResult.ACCEPTED if asks else WebhookResult.IGNORED


def forget_deliveries(session: Session, *, before: datetime) -> None:
    """Delete the ids of old webhooks: one that is sent again then is a reason to look, and nothing more."""
    session.exec(delete(GitDeliveryRow).where(col(GitDeliveryRow.at) < before))
