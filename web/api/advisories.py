"""Routes about security advisories: curators add them and state which do no harm; everybody may read them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, Query

from farm.api.curation_wire import ReviewRequest, SignedDocument
from farm.core.names.digest import Digest
from farm.server.advisories import advisories as rows
from farm.server.advisories import advisory_intake as control
from farm.server.advisories import reviews as review_rows
from farm.server.advisories.advisory_intake import state_reviews
from farm.server.curation import signed_orders
from web.api.signed_requests import envelope_of, signed_part
from web.auth import ApplicationHere, CuratorActor
from web.problems import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Container

    from farm.server.advisories.advisories import KeptAdvisory

router = APIRouter(prefix="/api/v1", tags=["advisories"])

Document = Annotated[SignedDocument | dict[str, Any], Body()]
Name = Annotated[str, Query(max_length=128)]
AllowUnknown = Annotated[bool, Query(alias="allow-unknown")]


@router.get("/advisories")
def advisories(
    application: ApplicationHere, package: Name = "", after: Name = "", limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> dict[str, Any]:
    """Return advisories by id; with `package` those that name it and are not withdrawn.

    `unsigned` ones are published in this form only once a curator signs them.
    """
    with application.reading() as unit:
        if package:
            found = rows.advisories_on(unit.session, [package])
        else:
            found = rows.advisories(unit.session, after=after, limit=limit)
        spoken_of = rows.packages_of(unit.session, (advisory.id for advisory in found))
        unsigned = signed_orders.unsigned_claims(unit.session)
        distribution = unit.inputs.distribution
    following = found[-1].id if not package and len(found) == limit else None
    listed = [_form(advisory, spoken_of.get(advisory.id, []), unsigned) for advisory in found]
    return {"advisories": listed, "next-after": following, "distribution": distribution}


@router.get("/advisories/{number}")
def advisory(application: ApplicationHere, number: str) -> dict[str, Any]:
    """Return one advisory as received, and the newest releases with a package that it affects."""
    with application.reading() as unit:
        found = rows.advisory(unit.session, number)
        if found is None:
            raise NotFoundError(f"there is no advisory {number[:100]!r}")
        hits = control.released_with(unit, control.read_kept(unit, found))
        spoken_of = rows.packages_of(unit.session, [found.id]).get(found.id, [])
        unsigned = signed_orders.unsigned_claims(unit.session)
    return _form(found, spoken_of, unsigned) | {
        "document": json.loads(found.body),
        "released": [_hit(hit) for hit in hits],
    }


@router.post("/advisories", status_code=201)
def add(
    *,
    application: ApplicationHere,
    actor: CuratorActor,
    document: Document,
    allow_unknown: AllowUnknown = False,
) -> dict[str, Any]:
    """Accept an advisory in OSV's form; the same one again changes nothing, and an older one is refused.

    An advisory about a package that was never built here is refused too, unless `allow-unknown` is true. Where a policy
    is signed, the body is `document` and the `envelope` that signs it.
    """
    content, signed = _parts(document)
    with application.writing() as unit:
        kept, outcome = control.add_advisory(
            unit, actor, content, allow_unknown=allow_unknown, envelope=envelope_of(signed)
        )
        hits = control.released_with(unit, kept)
        order = signed_part(unit, signed)
    return order | {
        "id": kept.id,
        "outcome": outcome,
        "severity": kept.severity,
        "packages": list(kept.packages),
        "released": [_hit(hit) for hit in hits],
    }


@router.post("/vex", status_code=201)
def state(
    *,
    application: ApplicationHere,
    actor: CuratorActor,
    document: Document,
    allow_unknown: AllowUnknown = False,
) -> dict[str, Any]:
    """Accept an OpenVEX document: whether advisories apply here. Known statements change nothing.

    Unless `allow-unknown` is true, it may name only packages and advisories that are known here. Where a policy is
    signed, the body is `document` and the `envelope` that signs it.
    """
    content, signed = _parts(document)
    with application.writing() as unit:
        found, new = control.add_statements(
            unit, actor, content, allow_unknown=allow_unknown, envelope=envelope_of(signed)
        )
        order = signed_part(unit, signed)
    return order | {
        "new": new,
        "statements": [
            {
                "vulnerability": statement.vulnerability,
                "package": statement.package,
                "version": str(statement.version or ""),
                "status": statement.status,
                "justification": statement.justification,
            }
            for statement in found
        ],
    }


@router.post("/reviews", status_code=201)
def review(*, application: ApplicationHere, actor: CuratorActor, body: ReviewRequest) -> dict[str, Any]:
    """Record that packages were reviewed for vulnerabilities, and that an advisory was added for each one found."""
    with application.writing() as unit:
        found, new = state_reviews(unit, actor, body.packages, body.source, at=body.at, envelope=envelope_of(body))
        order = signed_part(unit, body)
    return order | {"new": new, "reviews": [review.to_dict() for review in found]}


@router.get("/reviews")
def reviews(application: ApplicationHere, package: Name = "") -> dict[str, Any]:
    """Return the newest review of each package and source, with its time."""
    with application.reading() as unit:
        return {"reviews": [review.to_dict() for review in review_rows.reviews(unit.session, package=package)]}


def _parts(body: SignedDocument | dict[str, Any]) -> tuple[bytes, SignedDocument | None]:
    """Return the document in a body, and the whole body if it has a signature."""
    if isinstance(body, SignedDocument):
        return json.dumps(body.document).encode(), body
    return json.dumps(body).encode(), None


def _form(kept: KeptAdvisory, packages: list[str], unsigned: Container[Digest]) -> dict[str, Any]:
    document = json.loads(kept.body)
    return ({"unsigned": True} if Digest.of(kept.body.encode()) in unsigned else {}) | {
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
