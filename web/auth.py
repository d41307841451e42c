"""Authentication: people by their token, workers by their signature. Each refusal leaves a line in the audit trail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from farm.api.signing import WINDOW, SignedWorkerRequest, UnsignedRequestError, read_signed
from farm.errors import FarmError
from farm.server.git.received_webhooks import read_webhook
from farm.server.identities import access, identities
from farm.server.jobs.leases import Holder
from farm.server.tables.records import Token
from farm.server.tables.states import Role
from farm.server.transaction.unit_of_work import Application
from web.refusals import Refused, write_down
from web.settings import WebSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from farm.core.names.digest import Digest
    from farm.server.git.received_webhooks import Webhook
    from farm.server.tables.records import Worker
    from farm.server.tables.states import JobKind
    from farm.store.http.address_guard import AddressGuard


_API = "/api/v1/"
_WORKERS = "/api/v1/worker/"
_LOOKING = ("GET", "HEAD", "OPTIONS")


def application_of(request: Request) -> Application:
    """Return the application that serves this request."""
    application: Application = request.app.state.application
    return application


def settings_of(request: Request) -> WebSettings:
    """Return the settings of the web process."""
    settings: WebSettings = request.app.state.settings
    return settings


def address_of(request: Request) -> str:
    """Return the public address of the farm, without a slash at its end: not what the request says it is."""
    address: str = request.app.state.address
    return address


AddressHere = Annotated[str, Depends(address_of)]


@dataclass(frozen=True, slots=True)
class Guards:
    """The addresses that control may reach for webhooks, and for git; None where that is not known here."""

    webhooks: AddressGuard | None = None
    git: AddressGuard | None = None


def guards_of(request: Request) -> Guards:
    """Return the guards of the addresses that people choose."""
    guards: Guards = request.app.state.guards
    return guards


GuardsHere = Annotated[Guards, Depends(guards_of)]
ApplicationHere = Annotated[Application, Depends(application_of)]
SettingsHere = Annotated[WebSettings, Depends(settings_of)]


@dataclass(frozen=True, slots=True)
class WorkerCall:
    """A request that a worker has signed; `signed` is what the signature covers."""

    worker: Worker
    signed: SignedWorkerRequest

    def check_body(self, body: Digest) -> None:
        """Raise `UnsignedRequestError` if the body is not the one that was signed."""
        if body != self.signed.body:
            raise UnsignedRequestError("the body of the request is not the one that was signed")

    def holder(self, attempt_id: int) -> Holder:
        """Return the worker as the holder of the lease that it names."""
        return Holder(self.worker, attempt_id, self.signed.lease)


@dataclass(frozen=True, slots=True)
class RoleCheck:
    """Admits only tokens with one of these roles.

    Routes depend on one of its methods, and `web.routes` reads the roles.
    """

    roles: tuple[Role, ...]

    def check(self, request: Request, application: ApplicationHere) -> Token:
        """A dependency: the token of the caller, after the check of its role."""
        actor = ""
        try:
            token = _token(request, application)
            actor = token.actor
            check_token(token, self.roles)
        except FarmError as error:
            refuse(request, application, actor=actor, error=error)
            raise
        return token

    def actor(self, request: Request, application: ApplicationHere) -> access.Actor:
        """A dependency: the caller as the audit trail names them, after the check of its role."""
        return actor_of(request, self.check(request, application))


def require(*roles: Role) -> Callable[[Request, ApplicationHere], Token]:
    """Return a dependency that admits only tokens with one of these roles."""
    return RoleCheck(roles).check


Maintainer = Annotated[Token, Depends(require(Role.MAINTAINER))]
Curator = Annotated[Token, Depends(require(Role.CURATOR))]
MaintainerOrCurator = Annotated[Token, Depends(require(Role.MAINTAINER, Role.CURATOR))]
Admin = Annotated[Token, Depends(require(Role.ADMIN))]
AdminActor = Annotated[access.Actor, Depends(RoleCheck((Role.ADMIN,)).actor)]
CuratorActor = Annotated[access.Actor, Depends(RoleCheck((Role.CURATOR,)).actor)]
MaintainerOrCuratorActor = Annotated[access.Actor, Depends(RoleCheck((Role.MAINTAINER, Role.CURATOR)).actor)]


def check_token(token: Token, roles: Sequence[Role]) -> None:
    """Raise `FarmError` (`forbidden`) unless the token has one of these roles."""
    if not any(token.role.allows(role) for role in roles):
        raise FarmError(
            f"this needs the role {' or '.join(roles)}, and the token has {token.role}",
            remedy="Ask an administrator of the farm for a token with that role, and set FARM_TOKEN.",
            code="forbidden",
        )


def signed_call(request: Request, application: ApplicationHere) -> WorkerCall:
    """A dependency: the worker whose fresh signature the request has. Its body is not compared yet.

    `check_caller` has verified it before the body was read: a nonce can be used once.
    """
    call: WorkerCall | None = getattr(request.state, "call", None)
    if call is None:
        error = UnsignedRequestError("the signature of this request was not verified")
        refuse(request, application, actor="", error=error)
        raise error
    return call


def whole_call(request: Request, call: Annotated[WorkerCall, Depends(signed_call)]) -> WorkerCall:
    """A dependency: a signed request whose body is the signed one."""
    if not getattr(request.state, "whole", False):
        raise UnsignedRequestError("the body of this request was not verified")
    return call


def check_caller(
    request: Request, application: Application, roles: Sequence[Role], *, webhook_about: str | None = None
) -> None:
    """Authenticate a request by its head alone; afterwards `caller_of` returns the caller.

    Below `/api/v1/worker` requests are signed, and so are webhooks of forges (`webhook_about` a repository), whose
    signature is of the body; elsewhere in the API a request that may change something needs a token, with one of
    `roles` if there are any. All others may be anonymous. Raises `FarmError` if the caller is refused.
    """
    path: str = request.scope["path"]
    if path.startswith(_WORKERS):
        request.state.call = call = _signed(request, application)
        # For the answer if the report does not match the lease.
        request.state.worker = call.worker.name
    elif webhook_about is not None:
        with application.reading() as unit:
            request.state.webhook = read_webhook(unit.session, webhook_about, request.headers)
    elif path.startswith(_API) and request.method not in _LOOKING:
        request.state.token = token = _token(request, application)
        request.state.caller = token.actor
        if roles:
            check_token(token, roles)


def webhook_of(request: Request) -> Webhook:
    """Return what a webhook says in its headers; its signature is compared when its body was received."""
    found: Webhook = request.state.webhook
    return found


def caller_of(request: Request) -> str:
    """Return the caller of a request as the audit trail names it; empty for an anonymous one."""
    caller: str = getattr(request.state, "caller", "")
    return caller


def check_signed_body(request: Request, body: Digest) -> None:
    """Raise `UnsignedRequestError` if a worker's request has another body than the signed one."""
    call: WorkerCall | None = getattr(request.state, "call", None)
    if call is not None:
        call.check_body(body)
        request.state.whole = True


def check_role(request: Request, application: Application, call: WorkerCall, kind: JobKind) -> None:
    """Raise `FarmError` (`forbidden`) if a worker reports work that it may not do."""
    if not call.worker.may_do(kind):
        error = FarmError(f"worker {call.worker.name} is not enrolled for a {kind}", code="forbidden")
        refuse(request, application, actor=call.worker.actor, error=error)
        raise error


def refuse(request: Request, application: Application, *, actor: str, error: FarmError) -> None:
    """Record that a request was refused, unless its address had too many refusals recorded this minute."""
    address = request.client.host if request.client else ""
    refused = Refused(actor, address, request.method, request.url.path, error.code, error.message)
    write_down(application, request.app.state.refusals, refused)


def actor_of(request: Request, token: Token) -> access.Actor:
    """Return the holder of a token as the audit trail names them."""
    return access.Actor(token.actor, request.client.host if request.client else "")


def note(
    request: Request, application: Application, *, actor: str, subject: str, trace: str = "", detail: str = ""
) -> None:
    """Record a change in the audit trail."""
    access.record(
        application,
        actor=actor,
        action=f"{request.method} {request.url.path}",
        subject=subject,
        allowed=True,
        detail=detail,
        address=request.client.host if request.client else "",
        trace=trace,
    )


_ASK = "Ask an administrator of the farm for one, and set FARM_TOKEN."


def _token(request: Request, application: Application) -> Token:
    seen: Token | None = getattr(request.state, "token", None)
    if seen is not None:
        return seen
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise FarmError(
            "this needs a token",
            remedy="Set FARM_TOKEN, or send it as Authorization: Bearer TOKEN.",
            code="unauthenticated",
        )
    with application.reading() as unit:
        token = access.find_token(unit, text.strip())
    if token is None:
        raise FarmError("the token is unknown", remedy=_ASK, code="unauthenticated")
    if token.revoked_at is not None:
        raise FarmError(f"the token {token.name!r} was revoked", remedy=_ASK, code="unauthenticated")
    if token.expires_at <= unit.now:
        raise FarmError(
            f"the token {token.name!r} expired on {token.expires_at:%Y-%m-%d}", remedy=_ASK, code="unauthenticated"
        )
    return token


def _target(request: Request) -> str:
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope.get("query_string", b"")
    return (raw + b"?" + query if query else raw).decode("latin-1")


def _signed(request: Request, application: Application) -> WorkerCall:
    signed, signature = read_signed(request.method, _target(request), request.headers)
    worker = _known_worker(application, signed, signature)
    request.state.caller = worker.actor
    _check_fresh(application, signed)
    return WorkerCall(worker, signed)


def _known_worker(application: Application, signed: SignedWorkerRequest, signature: str) -> Worker:
    with application.reading() as unit:
        worker = identities.worker(unit.session, signed.worker)
    if worker is None:
        raise UnsignedRequestError(f"no worker {signed.worker!r} is enrolled", remedy="Enrol it with its public key.")
    signed.verify(signature, worker.public_key)
    if worker.revoked_at is not None:
        raise FarmError(f"the key of worker {worker.name} was revoked", code="forbidden")
    return worker


def _check_fresh(application: Application, signed: SignedWorkerRequest) -> None:
    with application.writing() as unit:
        ahead = signed.time - unit.now.timestamp()
        if abs(ahead) > WINDOW.total_seconds():
            raise UnsignedRequestError(
                f"the request was signed {abs(ahead):.0f} s {'after' if ahead > 0 else 'before'} the farm's own time",
                remedy="Set the worker's clock, or the farm's.",
            )
        made = datetime.fromtimestamp(signed.time, UTC)
        fresh = identities.use_nonce(
            unit.session, worker=signed.worker, nonce=signed.nonce, expires_at=made + 2 * WINDOW
        )
        if not fresh:
            raise UnsignedRequestError("the request was sent before: its nonce is used")
        identities.worker_seen(unit.session, signed.worker, now=unit.now)
