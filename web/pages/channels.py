"""Pages of channels: how each stands, what is at its gates, what was held back and why, and its releases."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from farm.api.wire import Number
from farm.database import lookups, releases
from farm.release.status import candidate_status, channel_status, summary_of
from web.auth import OfficeHere
from web.pages.invitation import invitation
from web.pages.job_lines import JobLine, job_lines
from web.pages.rendering import PagesHere
from web.pages.set_changes import SetChange, SetChanges, differences
from web.problems import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlmodel import Session

    from farm.control.desk import Desk
    from farm.database.releases import Candidate, Excuse, ReleaseRecord
    from farm.names import Digest

router = APIRouter()

_PAGE = 30
_MEMBERS = 500
_REFUSED = 5
_CHANGES = 200
_TESTS = 100


@router.get("/channels")
def channel_list(request: Request, office: OfficeHere, pages: PagesHere) -> HTMLResponse:
    """List the channels."""
    with office.reading() as desk:
        names = releases.channels(desk.session)
        states = [channel_status(desk.session, name) for name in names]
        counts = lookups.member_counts(desk.session, [state.newest.id for state in states if state.newest])
    return pages.page(request, "channels.html", states=states, counts=counts)


@router.get("/channels/{name}")
def channel_page(
    *,
    request: Request,
    office: OfficeHere,
    pages: PagesHere,
    name: str,
    before: Number | None = None,
    refused_before: Number | None = None,
) -> HTMLResponse:
    """Show a channel; `before` pages through its releases, `refused_before` through refused candidates."""
    with office.reading() as desk:
        policy = _policy(desk, name)
        status = channel_status(desk.session, name)
        found = releases.releases(desk.session, name, before=before, limit=_PAGE + 1)
        refused = lookups.refused_candidates(desk.session, name, before=refused_before, limit=_REFUSED + 1)
        views = [_view(desk, candidate, policy) for candidate in refused[:_REFUSED]]
        at_gates = releases.open_candidate(desk.session, name)
        candidate = _view(desk, at_gates, policy) if at_gates else None
        counts = lookups.member_counts(desk.session, [release.id for release in found])
    return pages.page(
        request,
        "channel.html",
        channel=name,
        policy=policy,
        status=status,
        candidate=candidate,
        refused=views,
        more_refused=refused[_REFUSED - 1].id if len(refused) > _REFUSED else None,
        releases=found[:_PAGE],
        older=found[_PAGE - 1].number if len(found) > _PAGE else None,
        counts=counts,
        invitation=invitation(request, pages.repository),
    )


@router.get("/channels/{name}/releases/{number}")
def release_page(
    *,
    request: Request,
    office: OfficeHere,
    pages: PagesHere,
    name: str,
    number: Number,
    after: Annotated[str, Query(max_length=200)] = "",
) -> HTMLResponse:
    """Show a release: what changed against the one before it, and its packages."""
    with office.reading() as desk:
        release = releases.release(desk.session, name, number)
        if release is None:
            raise NotFoundError(f"The channel {name[:100]} has no release {number}.")
        before = releases.release(desk.session, name, number - 1)
        members = lookups.release_set(desk.session, release.id)
        changes = _changes(desk.session, before, members) if before else None
        shown = lookups.release_page(desk.session, release.id, after=after, limit=_MEMBERS + 1)
        newest = releases.newest_release(desk.session, name)
        total_size = lookups.release_size(desk.session, release.id)
    return pages.page(
        request,
        "release.html",
        channel=name,
        release=release,
        before=before,
        newest=newest,
        changes=changes,
        count=len(members),
        total_size=total_size,
        members=shown[:_MEMBERS],
        following=shown[_MEMBERS - 1].name if len(shown) > _MEMBERS else "",
    )


@dataclass(frozen=True, slots=True)
class GateLine:
    """A gate of the policy and what it has said of a candidate; `state` is empty while it was not asked."""

    name: str
    state: str
    summary: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class ExcuseLine:
    """A reason that holds for one or more packages."""

    packages: tuple[str, ...]
    gate: str
    reason: str


@dataclass(frozen=True, slots=True)
class CandidateView:
    """A candidate with its gates in the order of the policy, some of its tests, and what it would change."""

    candidate: Candidate
    gates: Sequence[GateLine]
    excuses: Sequence[ExcuseLine]
    tests: Sequence[JobLine]
    all_tests: int
    changes: SetChanges
    base: ReleaseRecord | None


def _view(desk: Desk, candidate: Candidate, policy: Sequence[str]) -> CandidateView:
    session = desk.session
    status = candidate_status(session, candidate)
    said = {result.gate: GateLine(result.gate, result.state, summary_of(result), result.at) for result in status.gates}
    asked = [*policy, *(gate for gate in said if gate not in policy)]
    base = lookups.release_at(session, candidate.channel, candidate.created_at)
    members = lookups.candidate_set(session, candidate.id)
    tests, all_tests = lookups.tests_of_candidate(session, candidate.id, limit=_TESTS)
    return CandidateView(
        candidate=candidate,
        gates=[said.get(gate) or GateLine(gate, "", "", None) for gate in asked],
        excuses=_by_reason(status.excuses),
        tests=job_lines(session, tests, now=desk.now),
        all_tests=all_tests,
        changes=_changes(session, base, members),
        base=base,
    )


def _changes(session: Session, base: ReleaseRecord | None, after: Mapping[str, Digest]) -> SetChanges:
    found = differences(lookups.release_set(session, base.id) if base else {}, after)
    shown = found[:_CHANGES]
    digests = {digest for each in shown for digest in (each.before, each.after) if digest is not None}
    known = lookups.packages_by_digest(session, digests)
    return SetChanges(
        [
            SetChange(each.name, known[each.before] if each.before else None, known[each.after] if each.after else None)
            for each in shown
        ],
        len(found),
    )


def _by_reason(excuses: Sequence[Excuse]) -> list[ExcuseLine]:
    found: dict[tuple[str, str], list[str]] = {}
    for each in excuses:
        found.setdefault((each.gate, each.reason), []).append(each.package)
    return [
        ExcuseLine(tuple(name for name in names if name), gate, _sentence(reason))
        for (gate, reason), names in found.items()
    ]


def _sentence(reason: str) -> str:
    """Return a reason as a sentence of its own. Names of packages keep their small letters."""
    reason = reason.strip()
    return reason if reason.endswith((".", "!", "?")) else f"{reason}."


def _policy(desk: Desk, name: str) -> list[str]:
    """Return the gates of a channel's policy, as `ChannelPolicy.to_dict` spells it, in their order."""
    text = lookups.channel_policy(desk.session, name)
    if text is None:
        raise NotFoundError(f"There is no channel {name[:100]}.")
    gates = json.loads(text).get("gates", []) if text else []
    return [str(gate["gate"]) for gate in gates]
