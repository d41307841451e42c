"""Who may do what: tokens of people, keys of workers; each use that is refused leaves a line in the audit trail."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
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


class InvalidWorkerError(FarmError):
    """A worker cannot be enrolled as it is described."""

    code = "invalid-worker"


def issue_token(unit: UnitOfWork, *, name: str, role: Role, lasts: timedelta) -> tuple[str, Token]:
    """Make a token and return it with what is kept of it. It cannot be seen again."""
    text = f"farm_{role}_{secrets.token_urlsafe(32)}"
    truncate_text = identities.add_token(
        unit.session,
        digest=identities.token_digest(text),
        name=name,
        role=role,
        now=unit.now,
        expires_at=unit.now + lasts,
    )
    return text, truncate_text


def find_token(unit: UnitOfWork, text: str) -> Token | None:
    """Return the token that this text is, if it is one, whether or not it is still good."""
    return identities.token(unit.session, identities.token_digest(text))


def enrol(unit: UnitOfWork, *, name: str, public_key: str, builds: bool, tests: bool, by: str) -> Worker:
    """Let the holder of an ed25519 key (64 hexadecimal digits) work for the farm. Raises `InvalidWorkerError`."""
    if not _WORKER_NAME.fullmatch(name):
        raise InvalidWorkerError(f"{name[:100]!r} cannot name a worker", remedy="Use a-z, 0-9, . and -.")
    if not _PUBLIC_KEY.fullmatch(public_key):
        raise InvalidWorkerError("a worker's public key is ed25519, as 64 lower-case hexadecimal digits")
    if not (builds or tests):
        raise InvalidWorkerError(f"{name} would neither build nor test", remedy="Give it at least one role.")
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


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, from where: `token:alice`, and the address that the request came from."""

    name: str
    address: str = ""


def audit(unit: UnitOfWork, actor: Actor, action: str, subject: str, detail: str = "", *, channel: str = "") -> None:
    """Write down, in the transaction in which it happens, that somebody did something; `channel`: about which one."""
    _add(
        unit,
        actor=actor.name,
        action=action,
        subject=subject,
        allowed=True,
        detail=detail,
        address=actor.address,
        channel=channel,
    )


def record(
    application: Application,
    *,
    actor: str,
    action: str,
    subject: str,
    allowed: bool,
    detail: str = "",
    address: str = "",
    trace: str = "",
    channel: str = "",
) -> None:
    """Write a line of the audit trail, in a transaction of its own: a refusal has no other."""
    with application.writing() as unit:
        _add(
            unit,
            actor=actor,
            action=action,
            subject=subject,
            allowed=allowed,
            detail=detail,
            address=address,
            trace=trace,
            channel=channel,
        )


def _add(
    unit: UnitOfWork,
    *,
    actor: str,
    action: str,
    subject: str,
    allowed: bool,
    detail: str,
    address: str,
    trace: str = "",
    channel: str = "",
) -> None:
    event = AuditEvent(
        at=unit.now,
        actor=truncate_text(actor, longest=200),
        action=truncate_text(action, longest=200),
        subject=truncate_text(subject, longest=500),
        allowed=allowed,
        detail=truncate_text(detail, longest=_LONGEST_DETAIL),
        address=address,
        trace=trace,
        channel=truncate_text(channel, longest=128),
    )
    identities.add_audit(unit.session, event)
