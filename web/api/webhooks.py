"""Routes of webhooks: each person's own, and nobody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request

from farm.api import notification_wire, wire
from farm.server.events import webhooks
from farm.server.identities.access import audit
from web.auth import ApplicationHere, GuardsHere, MaintainerOrCurator, MaintainerOrCuratorActor, actor_of

if TYPE_CHECKING:
    from farm.server.events.webhooks import Webhook

router = APIRouter(prefix="/api/v1", tags=["notifications"])


@router.post("/webhooks", status_code=201)
def add(
    application: ApplicationHere,
    guards: GuardsHere,
    actor: MaintainerOrCuratorActor,
    body: notification_wire.WebhookRequest,
) -> notification_wire.WebhookWire:
    """Register an address for one's own events. The answer alone has the secret."""
    with application.writing() as unit:
        made, secret = webhooks.add_webhook(unit, actor.name, body.url, body.events, guard=guards.webhooks)
        audit(unit, actor, "add-webhook", f"webhook {made.id}", _where(made))
    return _form(made, 0).model_copy(update={"secret": secret})


@router.get("/webhooks")
def listed(request: Request, application: ApplicationHere, token: MaintainerOrCurator) -> notification_wire.WebhookPage:
    """Return one's own webhooks, oldest first."""
    with application.reading() as unit:
        found = webhooks.webhooks_of(unit.session, actor_of(request, token).name)
        waiting = webhooks.count_waiting(unit.session, found)
    return notification_wire.WebhookPage(webhooks=tuple(_form(hook, waiting.get(hook.id, 0)) for hook in found))


@router.delete("/webhooks/{number}")
def remove(
    application: ApplicationHere, actor: MaintainerOrCuratorActor, number: wire.Number
) -> notification_wire.WebhookWire:
    """Remove a webhook of one's own, with what was not delivered yet."""
    with application.writing() as unit:
        removed = webhooks.remove_webhook(unit, actor.name, number)
        audit(unit, actor, "remove-webhook", f"webhook {number}", _where(removed))
    return _form(removed, 0)


@router.post("/webhooks/{number}/test", status_code=202)
def test(
    application: ApplicationHere, actor: MaintainerOrCuratorActor, number: wire.Number
) -> notification_wire.TestMessageWire:
    """Send a test message to a webhook of one's own; the list shows its result."""
    with application.writing() as unit:
        message = webhooks.send_test(unit, actor.name, number)
    return notification_wire.TestMessageWire(message=message)


def _where(hook: Webhook) -> str:
    """Return the address without its query, which may hold a password."""
    return hook.url.partition("?")[0]


def _form(hook: Webhook, waiting: int) -> notification_wire.WebhookWire:
    shown = {name: getattr(hook, name) for name in notification_wire.WebhookWire.model_fields if hasattr(hook, name)}
    return notification_wire.WebhookWire(**shown, waiting=waiting)
