"""Permissions: tokens of people, keys of workers, and the audit trail of what they did or were refused."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.server.identities import identities
from farm.server.tables.records import AuditEvent, Worker
from farm.server.transaction.text import truncate_text

if TYPE_CHECKING:
    from datetime import timedelta

    from farm.server.tables.records import Token
    from farm.server.tables.states import Role
    from farm.server.transaction.unit_of_work import Application, UnitOfWork

_WORKER_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_PUBLIC_KEY = re.compile(r"[0-9a-f]{64}")
_LONGEST_DETAIL = 2000


def issue_token(unit: UnitOfWork, *, name: str, role: Role, lasts: timedelta) -> tuple[str, Token]:
    """Return a new token and its record; the token itself is not stored."""
    text = f"farm_{role}_{secrets.token_urlsafe(32)}"
    token = identities.add_token(
        unit.session,
        digest=identities.token_digest(text),
        name=name,
        role=role,
        now=unit.now,
        expires_at=unit.now + lasts,
    )
    return text, token


def find_token(unit: UnitOfWork, text: str) -> Token | None:
    """Return the token of this text, if there is one, valid or not."""
    return identities.token(unit.session, identities.token_digest(text))


def enrol(unit: UnitOfWork, *, name: str, public_key: str, builds: bool, tests: bool, by: str) -> Worker:
    """Let the holder of an ed25519 key (64 hexadecimal digits) work for the farm. Raises `FarmError`."""
    if not _WORKER_NAME.fullmatch(name):
        raise _invalid(f"{name[:100]!r} cannot name a worker", remedy="Use a-z, 0-9, . and -.")
    if not _PUBLIC_KEY.fullmatch(public_key):
        raise _invalid("a worker's public key is ed25519, as 64 lower-case hexadecimal digits")
    if not (builds or tests):
        raise _invalid(f"{name} would neither build nor test", remedy="Give it at least one role.")
    worker = Worker(
        name=name,
        public_key=public_key,
        builds=builds,
        tests=tests,
        enrolled_by=by,
        enrolled_at=unit.now,
        revoked_at=None,
        seen_at=None,
    )
    identities.enrol_worker(unit.session, worker)
    return worker


def _invalid(message: str, *, remedy: str = "") -> FarmError:
    return FarmError(message, remedy=remedy, code="invalid-worker")


@dataclass(frozen=True, slots=True)
class Actor:
    """The author of an action, and the address it came from: `token:alice`, `192.0.2.7`."""

    name: str
    address: str = ""


def audit(unit: UnitOfWork, actor: Actor, action: str, subject: str, detail: str = "", *, channel: str = "") -> None:
    """Record who did something, in the transaction of the action; `channel` is the channel it is about."""
    event = AuditEvent(
        at=unit.now,
        actor=actor.name,
        action=action,
        subject=subject,
        allowed=True,
        detail=detail,
        address=actor.address,
        channel=channel,
    )
    _add(unit, event)


def record(application: Application, *, actor: str, action: str, subject: str, allowed: bool, **more: str) -> None:
    """Add a line to the audit trail in a transaction of its own, as a refused request has no other.

    `more` are the other texts of an `AuditEvent`: detail, address, trace, channel.
    """
    with application.writing() as unit:
        _add(unit, AuditEvent(at=unit.now, actor=actor, action=action, subject=subject, allowed=allowed, **more))


def _add(unit: UnitOfWork, event: AuditEvent) -> None:
    event = replace(
        event,
        actor=truncate_text(event.actor, longest=200),
        action=truncate_text(event.action, longest=200),
        subject=truncate_text(event.subject, longest=500),
        detail=truncate_text(event.detail, longest=_LONGEST_DETAIL),
        channel=truncate_text(event.channel, longest=128),
    )
    identities.add_audit(unit.session, event)
