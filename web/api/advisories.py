"""Routes about security advisories: curators add them and state what does no harm; everybody may look."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request

from farm.api.curation_wire import ReviewRequest
from farm.control import advisories as control
from farm.control.reviews import state_reviews
from farm.database import advisories as rows
from farm.database import reviews as review_rows
from farm.database.records import Token
from farm.database.states import Role
from web.auth import OfficeHere, actor_of, require
from web.problems import NotFoundError

if TYPE_CHECKING:
    from farm.database.advisories import KeptAdvisory

router = APIRouter(prefix="/api/v1", tags=["advisories"])

Curator = Annotated[Token, Depends(require(Role.CURATOR))]
Document = Annotated[dict[str, Any], Body()]
Name = Annotated[str, Query(max_length=128)]
AllowUnknown = Annotated[bool, Query(alias="allow-unknown")]


@router.get("/advisories")
def advisories(
    office: OfficeHere, package: Name = "", after: Name = "", limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> dict[str, Any]:
    """Return advisories by id; with `package` those that speak of it and are not withdrawn."""
    with office.reading() as desk:
        if package:
            found = rows.advisories_on(desk.session, [package])
        else:
            found = rows.advisories(desk.session, after=after, limit=limit)
        spoken_of = rows.packages_of(desk.session, (each.id for each in found))
    following = found[-1].id if not package and len(found) == limit else None
    return {"advisories": [_form(each, spoken_of.get(each.id, [])) for each in found], "next-after": following}


@router.get("/advisories/{number}")
def advisory(office: OfficeHere, number: str) -> dict[str, Any]:
    """Return one advisory as it was given, and which newest releases hold a package that it holds for."""
    with office.reading() as desk:
        found = rows.advisory(desk.session, number)
        if found is None:
            raise NotFoundError(f"there is no advisory {number[:100]!r}")
        hits = control.released_with(desk, control.read_kept(desk, found))
        spoken_of = rows.packages_of(desk.session, [found.id]).get(found.id, [])
    return _form(found, spoken_of) | {"document": json.loads(found.body), "released": [_hit(each) for each in hits]}


@router.post("/advisories", status_code=201)
def add(
    *, request: Request, office: OfficeHere, token: Curator, document: Document, allow_unknown: AllowUnknown = False
) -> dict[str, Any]:
    """Take an advisory in OSV's form; the same one again changes nothing, and an older one is refused.

    So is one about a package that nothing here has ever made, unless `allow-unknown` is true.
    """
    content = json.dumps(document).encode()
    with office.writing() as desk:
        kept, outcome = control.add_advisory(desk, actor_of(request, token), content, allow_unknown=allow_unknown)
        hits = control.released_with(desk, kept)
    return {
        "id": kept.id,
        "outcome": outcome,
        "severity": kept.severity,
        "packages": list(kept.packages),
        "released": [_hit(each) for each in hits],
    }


@router.post("/vex", status_code=201)
def state(
    *, request: Request, office: OfficeHere, token: Curator, document: Document, allow_unknown: AllowUnknown = False
) -> dict[str, Any]:
    """Take an OpenVEX document: whether advisories do harm here. What is kept already changes nothing.

    Unless `allow-unknown` is true, it may speak only of packages and advisories that are known here.
    """
    content = json.dumps(document).encode()
    with office.writing() as desk:
        found, new = control.add_statements(desk, actor_of(request, token), content, allow_unknown=allow_unknown)
    return {
        "new": new,
        "statements": [
            {
                "vulnerability": each.vulnerability,
                "package": each.package,
                "version": str(each.version or ""),
                "status": each.status,
                "justification": each.justification,
            }
            for each in found
        ],
    }


@router.post("/reviews", status_code=201)
def review(*, request: Request, office: OfficeHere, token: Curator, body: ReviewRequest) -> dict[str, Any]:
    """Take that packages were looked at for vulnerabilities, and that an advisory was added for each that was found."""
    with office.writing() as desk:
        found, new = state_reviews(desk, actor_of(request, token), body.packages, body.source, at=body.at)
    return {"new": new, "reviews": [each.to_dict() for each in found]}


@router.get("/reviews")
def reviews(office: OfficeHere, package: Name = "") -> dict[str, Any]:
    """Return which packages were looked at last, when, and against which source."""
    with office.reading() as desk:
        return {"reviews": [each.to_dict() for each in review_rows.reviews(desk.session, package=package)]}


def _form(kept: KeptAdvisory, packages: list[str]) -> dict[str, Any]:
    document = json.loads(kept.body)
    return {
        "id": kept.id,
        "severity": kept.severity,
        "packages": packages,
        "summary": str(document.get("summary", "")),
        "modified": kept.modified_at,
        "withdrawn": kept.withdrawn_at,
        "added-by": kept.added_by,
        "added-at": kept.added_at,
    }


def _hit(hit: control.Hit) -> dict[str, str]:
    return {"channel": hit.channel, "package": hit.package, "version": hit.version}
