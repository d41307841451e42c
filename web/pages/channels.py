"""Pages of channels: their state, pending candidate, excuses and releases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from farm.api.wire import Number
from farm.core.policy.gate_kind import gate_key
from farm.server.channels import candidates, flaky_tests, releases
from farm.server.channels.channel_checks import policy_of
from farm.server.curation import orders, reports
from farm.server.pipeline.candidates.status import channel_status
from farm.server.tables.pipeline_states import CandidateState
from web.auth import ApplicationHere
from web.pages.candidate_view import UNBLOCKING, view_candidate
from web.pages.excuse_cards import cards
from web.pages.invitation import invitation, pulled_as
from web.pages.rendering import PagesHere

if TYPE_CHECKING:
    from farm.server.transaction.unit_of_work import UnitOfWork

router = APIRouter()

_PAGE = 30
_REFUSED = 5
_FLAKY = 30
_REPORTS = 30
_ORDERS = 5


@router.get("/channels")
def channel_list(request: Request, application: ApplicationHere, pages: PagesHere) -> HTMLResponse:
    """List the channels."""
    with application.reading() as unit:
        names = releases.channels(unit.session)
        states = [channel_status(unit.session, name, now=unit.now) for name in names]
    return pages.page(request, "channels.html", states=states)


@router.get("/channels/{name}")
def channel_page(
    *,
    request: Request,
    application: ApplicationHere,
    pages: PagesHere,
    name: str,
    before: Number | None = None,
    refused_before: Number | None = None,
) -> HTMLResponse:
    """Show a channel; `before` pages through its releases, `refused_before` through refused candidates."""
    with application.reading() as unit:
        view = _view(unit, name, before=before, refused_before=refused_before)
    images = pulled_as(request, pages, name) if view["status"].newest else ""
    return pages.page(
        request,
        "channel.html",
        live_part="channel_live.html",
        **view,
        images=images,
        invitation=invitation(request, pages.repository),
    )


def _view(unit: UnitOfWork, name: str, *, before: int | None, refused_before: int | None) -> dict[str, Any]:
    """Return what the page shows of a channel: its state, and one page of its releases and refused candidates."""
    session, known = unit.session, policy_of(unit, name)
    policy = [gate_key(str(gate["gate"])) for gate in known.get("gates", [])]
    status = channel_status(session, name, now=unit.now)
    newest = status.newest.candidate_id if status.newest else None
    found = releases.releases(session, name, before=before, limit=_PAGE + 1)
    refused = candidates.candidates(
        session, name, before=refused_before, state=CandidateState.REFUSED, limit=_REFUSED + 1
    )
    at_gates = candidates.open_candidate(session, name)
    return {
        "channel": name,
        "origin": str(known.get("from", "")),
        "policy": policy,
        "status": status,
        "candidate": view_candidate(unit, at_gates, policy) if at_gates else None,
        "unblocking": candidates.unblocking_tests(session, newest, limit=UNBLOCKING),
        "standing": cards(status.standing),
        "quarantine": flaky_tests.flaky(session, now=unit.now, limit=_FLAKY) if "tests" in policy else [],
        "trouble": reports.recent_reports(session, name, only_open=True, limit=_REPORTS),
        "orders": status.orders,
        "done": [order for order in orders.orders(session, name, _ORDERS) if order.done_at is not None],
        "refused": [view_candidate(unit, candidate, policy) for candidate in refused[:_REFUSED]],
        "more_refused": refused[_REFUSED - 1].id if len(refused) > _REFUSED else None,
        "releases": found[:_PAGE],
        "older": found[_PAGE - 1].number if len(found) > _PAGE else None,
    }
