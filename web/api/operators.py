"""Routes for operators: enrol and revoke workers, issue and revoke tokens."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request

from farm.api import wire
from farm.server.identities import access, identities
from farm.server.tables.states import Role
from web.auth import Admin, ApplicationHere, note
from web.problems import NotFoundError

router = APIRouter(prefix="/api/v1", tags=["operators"])


@router.get("/workers")
def workers(application: ApplicationHere, token: Admin) -> list[wire.WorkerWire]:  # noqa: ARG001
    """Return all workers."""
    with application.reading() as unit:
        return list(map(wire.WorkerWire.model_validate, identities.workers(unit.session)))


@router.post("/workers", status_code=201)
def enrol(request: Request, application: ApplicationHere, token: Admin, body: wire.WorkerRequest) -> wire.WorkerWire:
    """Enrol a worker, or give a known one a new key."""
    with application.writing() as unit:
        worker = access.enrol(
            unit,
            name=body.name,
            public_key=body.public_key,
            builds="build" in body.roles,
            tests="test" in body.roles,
            by=token.actor,
        )
    note(request, application, actor=token.actor, subject=f"worker {worker.name}")
    return wire.WorkerWire.model_validate(worker)


@router.delete("/workers/{name}", status_code=204)
def revoke_worker(request: Request, application: ApplicationHere, token: Admin, name: str) -> None:
    """Revoke a worker: its requests are refused from now on."""
    with application.writing() as unit:
        known = identities.revoke_worker(unit.session, name, now=unit.now)
    if not known:
        raise NotFoundError(f"there is no worker {name[:100]!r}")
    note(request, application, actor=token.actor, subject=f"worker {name}")


@router.post("/tokens", status_code=201)
def issue(request: Request, application: ApplicationHere, token: Admin, body: wire.TokenRequest) -> wire.TokenWire:
    """Issue a token; only this answer contains it."""
    with application.writing() as unit:
        text, kept = access.issue_token(unit, name=body.name, role=Role(body.role), lasts=timedelta(days=body.days))
    note(request, application, actor=token.actor, subject=f"token {kept.id}")
    return wire.TokenWire(id=kept.id, name=kept.name, role=kept.role, expires_at=kept.expires_at, token=text)


@router.delete("/tokens/{number}", status_code=204)
def revoke_token(request: Request, application: ApplicationHere, token: Admin, number: wire.Number) -> None:
    """Revoke a token."""
    with application.writing() as unit:
        known = identities.revoke_token(unit.session, number, now=unit.now)
    if not known:
        raise NotFoundError(f"there is no token {number}")
    note(request, application, actor=token.actor, subject=f"token {number}")
