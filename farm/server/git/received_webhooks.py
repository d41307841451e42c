"""Webhooks of forges: verified by the signature of their body, and then only a reason to look.

The body is hashed and never interpreted: what has changed is asked of the repository and the forge themselves. Its
event is not signed, and decides nothing but whether to look.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlmodel import col, delete

from farm.errors import FarmError
from farm.server.git.repositories import find_repository, make_due
from farm.server.tables.git_rows import Forge, GitDeliveryRow
from farm.server.tables.writing import add_unless_stored

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlmodel import Session

    from farm.server.transaction.unit_of_work import UnitOfWork

_SIGNATURE = re.compile(r"(sha256=)?([0-9a-f]{64})")
_HEADERS = {
    Forge.GITHUB: ("x-github-event", ("x-hub-signature-256",)),
    Forge.FORGEJO: ("x-forgejo-event", ("x-forgejo-signature", "x-gitea-signature", "x-hub-signature-256")),
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
class Webhook:
    """A webhook about a repository, by its headers: `signature` is the HMAC-SHA256 of its body (hexadecimal)."""

    repository: str
    event: str
    signature: str
    secret: str = field(repr=False)

    def hash(self) -> hmac.HMAC:
        """Return the hash that the body is to be fed to."""
        return hmac.new(self.secret.encode(), digestmod=hashlib.sha256)

    def check(self, body: hmac.HMAC) -> None:
        """Compare the signature with the hash of the body, in constant time. Raises `FarmError` (`forged-webhook`)."""
        if not hmac.compare_digest(body.hexdigest(), self.signature):
            raise FarmError(
                f"the webhook is not signed with the secret of {self.repository}",
                remedy="Give the forge the secret that `farm git connect` printed, or a new one: farm git set.",
                code="forged-webhook",
            )


def read_webhook(session: Session, name: str, headers: Mapping[str, str]) -> Webhook:
    """Return what the headers (names in lower case) of a webhook about a repository say; nothing is compared yet.

    Raises `FarmError` (`not-found`, `unsigned-webhook`, `forged-webhook` where it has no secret).
    """
    if not any(header in headers for _, signatures in _HEADERS.values() for header in signatures):
        raise _unsigned()
    found = find_repository(session, name)
    if not found.secret:  # anybody could sign with it
        raise FarmError(
            f"the repository {name} has no secret that a webhook could be signed with",
            remedy=f"Have one made, and give it to the forge: farm git set {name} --new-secret.",
            code="forged-webhook",
        )
    event, signatures = _HEADERS[found.forge]
    # The first that is there counts: another one that fits does not make up for it.
    signature = _SIGNATURE.fullmatch(next((headers[header] for header in signatures if header in headers), ""))
    if signature is None:
        raise _unsigned()
    return Webhook(name, headers.get(event, ""), signature[2], found.secret)


def _unsigned() -> FarmError:
    return FarmError(
        "the webhook has no signature",
        remedy="Give the forge the secret that `farm git connect` printed.",
        code="unsigned-webhook",
    )


def receive_webhook(unit: UnitOfWork, webhook: Webhook) -> WebhookResult:
    """Have a repository read that a webhook, whose signature was compared, says has changed."""
    # By its signature, not by the id that the forge gives it: that is not signed, so anybody could change it.
    row = GitDeliveryRow(repository=webhook.repository, signature=webhook.signature, at=unit.now)
    if not add_unless_stored(unit.session, row):
        return WebhookResult.REPEATED
    asks = webhook.event == _PUSH or webhook.event.startswith(_PULL_REQUEST)
    if asks or webhook.event == _PING:
        make_due(unit.session, webhook.repository, now=unit.now, delivered=True)
    if webhook.event == _PING:
        return WebhookResult.PING
    return WebhookResult.ACCEPTED if asks else WebhookResult.IGNORED


def forget_deliveries(session: Session, *, before: datetime) -> None:
    """Delete what is known of old webhooks: one that is sent again then is a reason to look, and nothing more."""
    session.exec(delete(GitDeliveryRow).where(col(GitDeliveryRow.at) < before))
