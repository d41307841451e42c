"""Pages of channels: their state, pending candidate, excuses and releases."""

from __future__ import annotations

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
from web.pages.candidate_view import UnblockingTests, view_candidate
from web.pages.excuse_cards import cards
from web.pages.invitation import invitation, pulled_as
from web.pages.rendering import PagesHere

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
        session = unit.session
        known = policy_of(unit, name)
        policy = [gate_key(str(gate["gate"])) for gate in known.get("gates", [])]
        status = channel_status(session, name, now=unit.now)
        found = releases.releases(session, name, before=before, limit=_PAGE + 1)
        refused = candidates.candidates(
            session, name, before=refused_before, state=CandidateState.REFUSED, limit=_REFUSED + 1
        )
        views = [view_candidate(unit, candidate, policy) for candidate in refused[:_REFUSED]]
        at_gates = candidates.open_candidate(session, name)
        candidate = view_candidate(unit, at_gates, policy) if at_gates else None
        quarantine = flaky_tests.flaky(session, now=unit.now, limit=_FLAKY) if "tests" in policy else []
        trouble = reports.recent_reports(session, name, only_open=True, limit=_REPORTS)
        told = UnblockingTests.of(session, status.newest)
        done = [order for order in orders.orders(session, name, _ORDERS) if order.done_at is not None]
    return pages.page(
        request,
        "channel.html",
        channel=name,
        origin=str(known.get("from", "")),
        policy=policy,
        status=status,
        candidate=candidate,
        told=told,
        standing=cards(status.standing),
        quarantine=quarantine,
        trouble=trouble,
        orders=status.orders,
        done=done,
        refused=views,
        more_refused=refused[_REFUSED - 1].id if len(refused) > _REFUSED else None,
        releases=found[:_PAGE],
        older=found[_PAGE - 1].number if len(found) > _PAGE else None,
        invitation=invitation(request, pages.repository),
        images=pulled_as(request, pages, name) if status.newest else "",
    )
