"""Routes to read channels: their state, their releases, and what was held back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from farm.api.wire import Number
from farm.server.channels import candidates, channel_troubles, releases
from farm.server.channels.channel_checks import policy_of
from farm.server.pipeline.candidates.release_contents import between, imported_packages, package_to_dict
from farm.server.pipeline.candidates.status import (
    candidate_detail,
    candidate_status,
    channel_status,
    excuses_of_channel,
)
from farm.server.tables.evidence import unblocking
from web.auth import ApplicationHere
from web.problems import NotFoundError

router = APIRouter(prefix="/api/v1/channels", tags=["channels"])


@router.get("")
def channels(application: ApplicationHere) -> dict[str, Any]:
    """Return the state of every channel."""
    with application.reading() as unit:
        session = unit.session
        known = [channel_status(session, name, now=unit.now) for name in releases.channels(session)]
    return {"channels": [status.to_dict() for status in known]}


@router.get("/{name}")
def channel(application: ApplicationHere, name: str) -> dict[str, Any]:
    """Return the state of a channel: its newest release, its newest candidate, and whether all is decided."""
    with application.reading() as unit:
        policy_of(unit, name)
        status = channel_status(unit.session, name, now=unit.now)
        return status.to_dict() | {"distribution": unit.inputs.distribution}


@router.get("/{name}/releases")
def release_page(
    application: ApplicationHere,
    name: str,
    before: Number | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> dict[str, Any]:
    """Return releases of a channel, newest first."""
    with application.reading() as unit:
        policy_of(unit, name)
        found = releases.releases(unit.session, name, before=before, limit=limit)
    following = found[-1].number if len(found) == limit else None
    return {"releases": [release.to_dict() for release in found], "next-before": following}


@router.get("/{name}/releases/{number}")
def release(application: ApplicationHere, name: str, number: Number) -> dict[str, Any]:
    """Return one release: its packages, its imports from other distributions, and failed tests that blocked nothing."""
    with application.reading() as unit:
        policy_of(unit, name)
        record = releases.release(unit.session, name, number)
        if record is None:
            raise NotFoundError(f"{name} has no release {number}", remedy=f"See `farm release list {name}`.")
        members = releases.release_members(unit.session, name, number)
        taken = [package.to_dict() for package in imported_packages(unit, record)]
        tests = unblocking(candidates.unblocking_tests(unit.session, record.candidate_id))
    packages = [package_to_dict(member) for member in members]
    return record.to_dict() | {"packages": packages, "imports": taken, "tests": tests}


@router.get("/{name}/candidates")
def candidate_page(
    application: ApplicationHere,
    name: str,
    before: Number | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> dict[str, Any]:
    """Return candidates of a channel, newest first, with the results of gates and the excuses."""
    with application.reading() as unit:
        policy_of(unit, name)
        found = candidates.candidates(unit.session, name, before=before, limit=limit)
        shown = [candidate_status(unit.session, candidate).to_dict() for candidate in found]
        trouble = list(channel_troubles.trouble_of(unit.session, name))
    following = found[-1].id if len(found) == limit else None
    return {"candidates": shown, "next-before": following, "trouble": trouble}


@router.get("/{name}/candidates/{number}")
def candidate(application: ApplicationHere, name: str, number: Number) -> dict[str, Any]:
    """Return one candidate, with its changes, atom by atom, and all results of its gates."""
    with application.reading() as unit:
        policy_of(unit, name)
        found = candidates.candidate(unit.session, number)
        if found is None or found.channel != name:
            raise NotFoundError(f"{name} has no candidate {number}", remedy=f"See `farm candidate list {name}`.")
        trouble = list(channel_troubles.trouble_of(unit.session, name))
        return candidate_detail(unit.session, found) | {"trouble": trouble}


@router.get("/{name}/releases/{number}/changes")
def changes(application: ApplicationHere, name: str, number: Number, against: Number) -> dict[str, Any]:
    """Return the differences between release `against` and release `number` of a channel, by package."""
    with application.reading() as unit:
        policy_of(unit, name)
        for asked in (against, number):
            if releases.release(unit.session, name, asked) is None:
                raise NotFoundError(f"{name} has no release {asked}", remedy=f"See `farm release list {name}`.")
        found = between(unit, name, against, number)
    return {"channel": name, "from": against, "to": number, "changes": [change.to_dict() for change in found.shown]}


@router.get("/{name}/excuses")
def excuse_page(
    application: ApplicationHere, name: str, *, cleared: bool = False, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> dict[str, Any]:
    """Return the open excuses of a channel; with `cleared` also the cleared ones, newest first."""
    with application.reading() as unit:
        policy_of(unit, name)
        return excuses_of_channel(unit.session, name, cleared=cleared, limit=limit)
