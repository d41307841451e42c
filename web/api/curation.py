"""Routes by which curators decide about channels: freeze, hold, approve, report, and order the pipeline."""

from __future__ import annotations

import json
from collections.abc import Mapping  # noqa: TC003  (routes are read by their annotations)
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from farm.api.curation_wire import (
    ApprovalsRequest,
    ClosingRequest,
    FreezeRequest,
    HoldRequest,
    OrderRequest,
    OrderWithdrawalRequest,
    PromoteRequest,
    ReportRequest,
    RollbackRequest,
    SignedRequest,
    UnknownOrderRequest,
    UnknownWithdrawalRequest,
    WithdrawalRequest,
)
from farm.api.wire import Number
from farm.core.names.digest import Digest
from farm.core.names.printed_version import printed_version
from farm.server.channels.channel_checks import own_name, policy_of
from farm.server.curation import approving, curation, holds, ordering, orders, reports, signed_orders
from farm.server.curation.order_intake import withdrawals_of_approvals
from farm.server.federation import imported
from farm.server.packages import packages
from farm.server.pipeline.candidates.json_forms import (
    build_to_dict,
    freeze_to_dict,
    hold_to_dict,
    order_to_dict,
    report_to_dict,
    signed_order_to_dict,
)
from farm.server.tables.records import Token
from farm.server.tables.states import Role
from web.api.signed_requests import envelope_of, signature_parts, signed_part
from web.auth import OfficeHere, actor_of, require
from web.problems import NotFoundError

router = APIRouter(prefix="/api/v1", tags=["curation"])

Curator = Annotated[Token, Depends(require(Role.CURATOR))]
Anybody = Annotated[Token, Depends(require(Role.MAINTAINER, Role.CURATOR))]
Limit = Annotated[int, Query(ge=1, le=500)]


@router.put("/channels/{name}/freeze")
def freeze(request: Request, office: OfficeHere, token: Curator, name: str, body: FreezeRequest) -> dict[str, Any]:
    """Let a channel publish nothing, until a time or until it is thawed."""
    with office.writing() as desk:
        order = curation.freeze(
            desk,
            actor_of(request, token),
            name,
            why=body.why,
            until=body.until,
            replace=body.replace,
            envelope=envelope_of(body),
        )
        return {"channel": name, "frozen": freeze_to_dict(order), **signed_part(desk, body)}


@router.delete("/channels/{name}/freeze")
def thaw(
    request: Request, office: OfficeHere, token: Curator, name: str, body: SignedRequest | None = None
) -> dict[str, Any]:
    """Let a frozen channel go on."""
    with office.writing() as desk:
        curation.thaw(desk, actor_of(request, token), name, envelope=envelope_of(body))
        return {"channel": name, "frozen": None, **signed_part(desk, body)}


@router.get("/channels/{name}/holds")
def held(office: OfficeHere, name: str) -> dict[str, Any]:
    """Return the holds that are in force on a channel."""
    with office.reading() as desk:
        policy_of(desk, name)
        return {"holds": [hold_to_dict(each) for each in holds.open_holds(desk.session, name, now=desk.now)]}


@router.post("/channels/{name}/holds", status_code=201)
def hold(request: Request, office: OfficeHere, token: Curator, name: str, body: HoldRequest) -> dict[str, Any]:
    """Keep a package where it is in a channel."""
    with office.writing() as desk:
        made = curation.hold(
            desk,
            actor_of(request, token),
            name,
            body.package,
            why=body.why,
            until=body.until,
            envelope=envelope_of(body),
        )
        return hold_to_dict(made) | signed_part(desk, body)


@router.delete("/channels/{name}/holds/{package:path}")
def lift(
    request: Request, office: OfficeHere, token: Curator, *, name: str, package: str, body: SignedRequest | None = None
) -> dict[str, Any]:
    """Let a held package go on."""
    with office.writing() as desk:
        curation.lift(desk, actor_of(request, token), name, package, envelope=envelope_of(body))
        return {"channel": name, "package": package, **signed_part(desk, body)}


@router.get("/channels/{name}/approvals")
def approvals(office: OfficeHere, name: str) -> dict[str, Any]:
    """Return what wants into or out of a channel that asks for approvals, each with the descriptor that is signed."""
    with office.reading() as desk:
        wanted = approving.asked(desk, name)
        listed = approving.in_question(desk, name)
        withdrawn = withdrawals_of_approvals(desk, name)
        descriptors = {each.package.digest: desk.blobs.read(each.package.digest).decode() for each in listed}
    return {
        "channel": name,
        "of": wanted.group,
        "count": wanted.count,
        "packages": [
            {
                "package": each.package.name,
                # As the descriptor has it, with which programs of before compare it; the build number stands beside.
                "version": printed_version(each.package.version, each.package.revision),
                **build_to_dict(each.package),
                "digest": each.package.digest,
                "descriptor": descriptors[each.package.digest],
                "approved-by": list(each.approved_by),
                "enough": each.enough,
                "removed": each.removed,
                **_withdrawn(each, withdrawn),
            }
            for each in listed
        ],
    }


def _withdrawn(listed: approving.InQuestion, withdrawn: Mapping[tuple[Digest, str], Digest]) -> dict[str, Any]:
    """Return by which orders approvals were taken back, by curator: who approves again names that."""
    found = {curator: order for (package, curator), order in withdrawn.items() if package == listed.package.digest}
    return {"withdrawn": found} if found else {}


@router.post("/channels/{name}/approvals", status_code=201)
def approve(request: Request, office: OfficeHere, token: Curator, name: str, body: ApprovalsRequest) -> dict[str, Any]:
    """Take signed approvals: all or none."""
    envelopes = [json.dumps(each).encode() for each in body.envelopes]
    with office.writing() as desk:
        taken = approving.approve(desk, actor_of(request, token), name, envelopes)
    return {"approvals": [{"channel": name, "digest": each.package, "curator": each.curator} for each in taken]}


@router.post("/channels/{name}/approvals/withdrawals")
def withdraw(
    request: Request, office: OfficeHere, token: Curator, name: str, body: WithdrawalRequest
) -> dict[str, Any]:
    """Take back what a curator has signed for packages that still want in: for all of them or for none."""
    with office.writing() as desk:
        taken = approving.withdraw(
            desk,
            actor_of(request, token),
            name,
            body.curator,
            body.packages,
            why=body.why,
            envelope=envelope_of(body),
        )
        withdrawn = [
            {"channel": name, "digest": digest, "package": label, "curator": body.curator}
            for digest, label in taken.packages.items()
        ]
        return {"withdrawn": withdrawn, "released": list(taken.released), **signed_part(desk, body)}


@router.get("/channels/{name}/approvals/revocable")
def revocable(office: OfficeHere, name: str, curator: str, package: str) -> dict[str, Any]:
    """Return what a curator has signed for builds of a package, and can take back."""
    with office.reading() as desk:
        found = approving.revocable(desk, name, curator, package)
        short = own_name(desk, package)
    return {"approvals": [{"package": short, "digest": each.package} for each in found]}


@router.post("/channels/{name}/approvals/withdraw-with-signer")
def withdraw_approvals_with_signer(
    request: Request, office: OfficeHere, token: Curator, name: str, body: UnknownWithdrawalRequest
) -> dict[str, Any]:
    """Have the signer count approvals no more, also such that the farm does not know."""
    packages = {each: Digest(digest) for each, digest in body.packages.items()}
    with office.writing() as desk:
        actor = actor_of(request, token)
        approving.withdraw_with_signer(desk, actor, name, packages, why=body.why, envelope=envelope_of(body))
        return signed_part(desk, body)


@router.get("/channels/{name}/reports")
def reported(
    office: OfficeHere, name: str, *, closed: bool = False, before: Number | None = None, limit: Limit = 50
) -> dict[str, Any]:
    """Return the open reports of a channel, newest first; with `closed` all."""
    with office.reading() as desk:
        policy_of(desk, name)
        found = reports.recent_reports(desk.session, name, only_open=not closed, before=before, limit=limit)
    following = found[-1].id if len(found) == limit else None
    return {"reports": [report_to_dict(each) for each in found], "next-before": following}


@router.post("/channels/{name}/reports", status_code=201)
def report(request: Request, office: OfficeHere, token: Anybody, name: str, body: ReportRequest) -> dict[str, Any]:
    """Report trouble with a package of a channel's newest release."""
    with office.writing() as desk:
        return report_to_dict(curation.report(desk, actor_of(request, token), name, body.package, why=body.why))


@router.post("/reports/{number}/resolve")
def resolve(
    request: Request, office: OfficeHere, token: Curator, number: Number, body: SignedRequest | None = None
) -> dict[str, Any]:
    """Close a report."""
    with office.writing() as desk:
        closed = curation.resolve(desk, actor_of(request, token), number, envelope=envelope_of(body))
        return report_to_dict(closed) | signed_part(desk, body)


@router.post("/channels/{name}/reports/{number}/close-with-signer")
def close_with_signer(
    request: Request, office: OfficeHere, token: Curator, *, name: str, number: Number, body: ClosingRequest
) -> dict[str, Any]:
    """Close a report that only the signer has."""
    with office.writing() as desk:
        curation.close_with_signer(
            desk, actor_of(request, token), name, number, Digest(body.descriptor), envelope=envelope_of(body)
        )
        return signed_part(desk, body)


@router.get("/channels/{name}/orders")
def ordered(office: OfficeHere, name: str, limit: Limit = 20) -> dict[str, Any]:
    """Return the orders to the pipeline of a channel, newest first."""
    with office.reading() as desk:
        policy_of(desk, name)
        found = orders.orders(desk.session, name, limit)
        signatures = signature_parts(desk, found)
        return {"orders": [order_to_dict(each) | signatures[each.id] for each in found]}


@router.post("/channels/{name}/orders", status_code=202)
def order(request: Request, office: OfficeHere, token: Curator, name: str, body: OrderRequest) -> dict[str, Any]:
    """Order the pipeline of a channel to promote, to go back, or to look again; it does so in turn."""
    actor, signed = actor_of(request, token), envelope_of(body)
    with office.writing() as desk:
        if isinstance(body, PromoteRequest):
            made = ordering.promote(
                desk, actor, name, origin=body.origin, packages=body.packages, why=body.why, envelope=signed
            )
        elif isinstance(body, RollbackRequest):
            made = ordering.rollback(desk, actor, name, body.number, why=body.why, envelope=signed)
        else:
            made = ordering.retry(desk, actor, name, packages=body.packages, why=body.why, envelope=signed)
        return order_to_dict(made) | signed_part(desk, body)


@router.get("/signed-orders/{digest}")
def signed_order(office: OfficeHere, digest: str) -> dict[str, Any]:
    """Return an order that a curator has signed, and whether the signer has it."""
    with office.reading() as desk:
        found = signed_orders.signed_order(desk.session, digest)
    if found is None:
        raise NotFoundError(f"there is no signed order {digest[:100]}")
    return signed_order_to_dict(found)


@router.get("/descriptors/{digest}")
def descriptor(office: OfficeHere, digest: str) -> Response:
    """Send the descriptor of a package that was built or taken here: what orders and approvals name by its digest."""
    with office.reading() as desk:
        found = packages.package(desk.session, Digest(digest)) or imported.package(desk.session, Digest(digest))
    if found is None:
        raise NotFoundError(f"there is no package {digest}")
    return Response(office.blobs.read(Digest(digest)), media_type="application/json")


@router.post("/channels/{name}/orders/{number}/withdraw")
def withdraw_order(
    request: Request, office: OfficeHere, token: Curator, *, name: str, number: Number, body: OrderWithdrawalRequest
) -> dict[str, Any]:
    """Take back an order that is not done, or that no release has used: its candidate is given up."""
    with office.planning() as desk:
        withdrawn = ordering.withdraw_order(
            desk, actor_of(request, token), name, number, why=body.why, envelope=envelope_of(body)
        )
        return order_to_dict(withdrawn) | signed_part(desk, body)


@router.post("/channels/{name}/orders/withdraw-with-signer")
def withdraw_order_with_signer(
    request: Request, office: OfficeHere, token: Curator, name: str, body: UnknownOrderRequest
) -> dict[str, Any]:
    """Have the signer let nothing through by an order, also one that the farm does not know."""
    with office.writing() as desk:
        ordering.withdraw_with_signer(
            desk, actor_of(request, token), name, Digest(body.order), why=body.why, envelope=envelope_of(body)
        )
        return signed_part(desk, body)
