"""Routes by which curators decide about channels: freeze, hold, approve, report, and order the pipeline."""

from __future__ import annotations

import json
from collections.abc import Mapping  # noqa: TC003  (routes are read by their annotations)
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

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
from farm.server.pipeline.candidates.release_contents import build_to_dict
from web.api.signed_requests import envelope_of, signature_parts, signed_part
from web.auth import ApplicationHere, CuratorActor, MaintainerOrCuratorActor
from web.problems import NotFoundError

router = APIRouter(prefix="/api/v1", tags=["curation"])

Limit = Annotated[int, Query(ge=1, le=500)]


@router.put("/channels/{name}/freeze")
def freeze(application: ApplicationHere, actor: CuratorActor, name: str, body: FreezeRequest) -> dict[str, Any]:
    """Freeze a channel, so that it publishes nothing, until a time or until it is thawed."""
    with application.writing() as unit:
        order = curation.freeze(
            unit,
            actor,
            name,
            why=body.why,
            until=body.until,
            replace=body.replace,
            envelope=envelope_of(body),
        )
        return {"channel": name, "frozen": order.to_dict(), **signed_part(unit, body)}


@router.delete("/channels/{name}/freeze")
def thaw(
    application: ApplicationHere, actor: CuratorActor, name: str, body: SignedRequest | None = None
) -> dict[str, Any]:
    """Thaw a frozen channel."""
    with application.writing() as unit:
        curation.thaw(unit, actor, name, envelope=envelope_of(body))
        return {"channel": name, "frozen": None, **signed_part(unit, body)}


@router.get("/channels/{name}/holds")
def held(application: ApplicationHere, name: str) -> dict[str, Any]:
    """Return the holds in force on a channel."""
    with application.reading() as unit:
        policy_of(unit, name)
        return {"holds": [hold.to_dict() for hold in holds.open_holds(unit.session, name, now=unit.now)]}


@router.post("/channels/{name}/holds", status_code=201)
def hold(application: ApplicationHere, actor: CuratorActor, name: str, body: HoldRequest) -> dict[str, Any]:
    """Hold a package: it stays unchanged in a channel."""
    with application.writing() as unit:
        made = curation.hold(
            unit,
            actor,
            name,
            body.package,
            why=body.why,
            until=body.until,
            envelope=envelope_of(body),
        )
        return made.to_dict() | signed_part(unit, body)


@router.delete("/channels/{name}/holds/{package:path}")
def lift(
    application: ApplicationHere,
    actor: CuratorActor,
    *,
    name: str,
    package: str,
    body: SignedRequest | None = None,
) -> dict[str, Any]:
    """Lift the hold on a package."""
    with application.writing() as unit:
        curation.lift(unit, actor, name, package, envelope=envelope_of(body))
        return {"channel": name, "package": package, **signed_part(unit, body)}


@router.get("/channels/{name}/approvals")
def approvals(application: ApplicationHere, name: str) -> dict[str, Any]:
    """Return the additions and removals that wait for approval in a channel, with the descriptor to sign for each."""
    with application.reading() as unit:
        wanted = approving.asked(unit, name)
        listed = approving.in_question(unit, name)
        withdrawn = withdrawals_of_approvals(unit, name)
        descriptors = {
            approval.package.digest: unit.blobs.read(approval.package.digest).decode() for approval in listed
        }
    return {
        "channel": name,
        "of": wanted.group,
        "count": wanted.count,
        "packages": [
            {
                "package": approval.package.name,
                # In the descriptor's form, with which earlier clients compare it; the build number is a field of its
                # own.
                "version": printed_version(approval.package.version, approval.package.revision),
                **build_to_dict(approval.package),
                "digest": approval.package.digest,
                "descriptor": descriptors[approval.package.digest],
                "approved-by": list(approval.approved_by),
                "enough": approval.enough,
                "removed": approval.removed,
                **_withdrawn(approval, withdrawn),
            }
            for approval in listed
        ],
    }


def _withdrawn(listed: approving.PendingApproval, withdrawn: Mapping[tuple[Digest, str], Digest]) -> dict[str, Any]:
    """Return the orders that withdrew approvals, by curator: a new approval has to name its order."""
    found = {curator: order for (package, curator), order in withdrawn.items() if package == listed.package.digest}
    return {"withdrawn": found} if found else {}


@router.post("/channels/{name}/approvals", status_code=201)
def approve(application: ApplicationHere, actor: CuratorActor, name: str, body: ApprovalsRequest) -> dict[str, Any]:
    """Accept signed approvals: all or none."""
    envelopes = [json.dumps(envelope).encode() for envelope in body.envelopes]
    with application.writing() as unit:
        taken = approving.approve(unit, actor, name, envelopes)
    return {
        "approvals": [{"channel": name, "digest": approval.package, "curator": approval.curator} for approval in taken]
    }


@router.post("/channels/{name}/approvals/withdrawals")
def withdraw(application: ApplicationHere, actor: CuratorActor, name: str, body: WithdrawalRequest) -> dict[str, Any]:
    """Withdraw a curator's approvals for packages that still wait: for all of them or for none."""
    with application.writing() as unit:
        taken = approving.withdraw(
            unit,
            actor,
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
        return {"withdrawn": withdrawn, "released": list(taken.released), **signed_part(unit, body)}


@router.get("/channels/{name}/approvals/revocable")
def revocable(application: ApplicationHere, name: str, curator: str, package: str) -> dict[str, Any]:
    """Return the approvals for builds of a package that a curator can withdraw."""
    with application.reading() as unit:
        found = approving.revocable(unit, name, curator, package)
        short = own_name(unit, package)
    return {"approvals": [{"package": short, "digest": approval.package} for approval in found]}


@router.post("/channels/{name}/approvals/withdraw-with-signer")
def withdraw_approvals_with_signer(
    application: ApplicationHere, actor: CuratorActor, name: str, body: UnknownWithdrawalRequest
) -> dict[str, Any]:
    """Have the signer ignore approvals, also those that the farm does not know."""
    packages = {package: Digest(digest) for package, digest in body.packages.items()}
    with application.writing() as unit:
        approving.withdraw_with_signer(unit, actor, name, packages, why=body.why, envelope=envelope_of(body))
        return signed_part(unit, body)


@router.get("/channels/{name}/reports")
def reported(
    application: ApplicationHere, name: str, *, closed: bool = False, before: Number | None = None, limit: Limit = 50
) -> dict[str, Any]:
    """Return the open reports of a channel, newest first; with `closed` all."""
    with application.reading() as unit:
        policy_of(unit, name)
        found = reports.recent_reports(unit.session, name, only_open=not closed, before=before, limit=limit)
    following = found[-1].id if len(found) == limit else None
    return {"reports": [report.to_dict() for report in found], "next-before": following}


@router.post("/channels/{name}/reports", status_code=201)
def report(
    application: ApplicationHere, actor: MaintainerOrCuratorActor, name: str, body: ReportRequest
) -> dict[str, Any]:
    """Report trouble with a package of a channel's newest release."""
    with application.writing() as unit:
        return curation.report(unit, actor, name, body.package, why=body.why).to_dict()


@router.post("/reports/{number}/resolve")
def resolve(
    application: ApplicationHere, actor: CuratorActor, number: Number, body: SignedRequest | None = None
) -> dict[str, Any]:
    """Close a report."""
    with application.writing() as unit:
        closed = curation.resolve(unit, actor, number, envelope=envelope_of(body))
        return closed.to_dict() | signed_part(unit, body)


@router.post("/channels/{name}/reports/{number}/close-with-signer")
def close_with_signer(
    application: ApplicationHere, actor: CuratorActor, *, name: str, number: Number, body: ClosingRequest
) -> dict[str, Any]:
    """Close a report that only the signer has."""
    with application.writing() as unit:
        curation.close_with_signer(unit, actor, name, number, Digest(body.descriptor), envelope=envelope_of(body))
        return signed_part(unit, body)


@router.get("/channels/{name}/orders")
def ordered(application: ApplicationHere, name: str, limit: Limit = 20) -> dict[str, Any]:
    """Return the orders to the pipeline of a channel, newest first."""
    with application.reading() as unit:
        policy_of(unit, name)
        found = orders.orders(unit.session, name, limit)
        signatures = signature_parts(unit, found)
        return {"orders": [order.to_dict() | signatures[order.id] for order in found]}


@router.post("/channels/{name}/orders", status_code=202)
def order(application: ApplicationHere, actor: CuratorActor, name: str, body: OrderRequest) -> dict[str, Any]:
    """Order the pipeline of a channel to promote, roll back, or retry; orders are carried out in turn."""
    signed = envelope_of(body)
    with application.writing() as unit:
        if isinstance(body, PromoteRequest):
            made = ordering.promote(
                unit, actor, name, origin=body.origin, packages=body.packages, why=body.why, envelope=signed
            )
        elif isinstance(body, RollbackRequest):
            made = ordering.rollback(unit, actor, name, body.number, why=body.why, envelope=signed)
        else:
            made = ordering.retry(unit, actor, name, packages=body.packages, why=body.why, envelope=signed)
        return made.to_dict() | signed_part(unit, body)


@router.get("/signed-orders/{digest}")
def signed_order(application: ApplicationHere, digest: str) -> dict[str, Any]:
    """Return an order that a curator has signed, and whether the signer has it."""
    with application.reading() as unit:
        found = signed_orders.signed_order(unit.session, digest)
    if found is None:
        raise NotFoundError(f"there is no signed order {digest[:100]}")
    return found.to_dict()


@router.get("/descriptors/{digest}")
def descriptor(application: ApplicationHere, digest: str) -> Response:
    """Send the descriptor of a package that was built or imported here: orders and approvals name its digest."""
    with application.reading() as unit:
        found = packages.package(unit.session, Digest(digest)) or imported.package(unit.session, Digest(digest))
    if found is None:
        raise NotFoundError(f"there is no package {digest}")
    return Response(application.blobs.read(Digest(digest)), media_type="application/json")


@router.post("/channels/{name}/orders/{number}/withdraw")
def withdraw_order(
    application: ApplicationHere,
    actor: CuratorActor,
    *,
    name: str,
    number: Number,
    body: OrderWithdrawalRequest,
) -> dict[str, Any]:
    """Withdraw an order that is not done, or that no release has used: its candidate is superseded."""
    with application.planning() as unit:
        withdrawn = ordering.withdraw_order(unit, actor, name, number, why=body.why, envelope=envelope_of(body))
        return withdrawn.to_dict() | signed_part(unit, body)


@router.post("/channels/{name}/orders/withdraw-with-signer")
def withdraw_order_with_signer(
    application: ApplicationHere, actor: CuratorActor, name: str, body: UnknownOrderRequest
) -> dict[str, Any]:
    """Have the signer ignore an order, also one that the farm does not know."""
    with application.writing() as unit:
        ordering.withdraw_with_signer(unit, actor, name, Digest(body.order), why=body.why, envelope=envelope_of(body))
        return signed_part(unit, body)
