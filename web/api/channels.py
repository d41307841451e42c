"""Routes to look at channels: how one stands, its releases, and what was held back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query

from farm.api.wire import Number
from farm.database import candidates, releases
from farm.release.forms import release_to_dict
from farm.release.status import candidate_status, channel_status
from web.auth import OfficeHere
from web.problems import NotFoundError

if TYPE_CHECKING:
    from farm.control.desk import Desk

router = APIRouter(prefix="/api/v1/channels", tags=["channels"])


@router.get("")
def channels(office: OfficeHere) -> dict[str, Any]:
    """Return how every channel stands."""
    with office.reading() as desk:
        session = desk.session
        known = [channel_status(session, name, now=desk.now) for name in releases.channels(session)]
    return {"channels": [each.to_dict() for each in known]}


@router.get("/{name}")
def channel(office: OfficeHere, name: str) -> dict[str, Any]:
    """Return how a channel stands: its newest release, its newest candidate, and whether all is decided."""
    with office.reading() as desk:
        _check_known(desk, name)
        return channel_status(desk.session, name, now=desk.now).to_dict()


@router.get("/{name}/releases")
def release_page(
    office: OfficeHere, name: str, before: Number | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 50
) -> dict[str, Any]:
    """Return releases of a channel, newest first."""
    with office.reading() as desk:
        _check_known(desk, name)
        found = releases.releases(desk.session, name, before=before, limit=limit)
    following = found[-1].number if len(found) == limit else None
    return {"releases": [release_to_dict(each) for each in found], "next-before": following}


@router.get("/{name}/releases/{number}")
def release(office: OfficeHere, name: str, number: Number) -> dict[str, Any]:
    """Return one release with its packages."""
    with office.reading() as desk:
        record = releases.release(desk.session, name, number)
        if record is None:
            raise NotFoundError(f"channel {name[:100]!r} has no release {number}")
        members = releases.release_members(desk.session, name, number)
    packages = [
        {"name": each.name, "version": each.version, "revision": each.revision, "package": each.digest}
        for each in members
    ]
    return release_to_dict(record) | {"packages": packages}


@router.get("/{name}/candidates")
def candidate_page(
    office: OfficeHere, name: str, before: Number | None = None, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> dict[str, Any]:
    """Return candidates of a channel, newest first, with what the gates said and why packages were held back."""
    with office.reading() as desk:
        _check_known(desk, name)
        found = candidates.candidates(desk.session, name, before=before, limit=limit)
        shown = [candidate_status(desk.session, each).to_dict() for each in found]
    return {"candidates": shown, "next-before": found[-1].id if len(found) == limit else None}


def _check_known(desk: Desk, name: str) -> None:
    if name not in releases.channels(desk.session):
        raise NotFoundError(f"there is no channel {name[:100]!r}")
