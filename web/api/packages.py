"""Routes to read finished packages."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from farm.api import wire
from farm.server.jobs.code_copies import copies_of
from farm.server.packages import packages
from web.auth import ApplicationHere
from web.problems import NotFoundError

router = APIRouter(prefix="/api/v1", tags=["packages"])


@router.get("/packages")
def page(
    application: ApplicationHere, after: str = "", limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> wire.PackagePage:
    """Return the packages of the newest build of every recipe, by name."""
    with application.reading() as unit:
        found = packages.search(unit.session, "", after=after, limit=limit)
    following = found[-1].name if len(found) == limit else None
    return wire.PackagePage(packages=tuple(map(wire.PackageWire.model_validate, found)), next_after=following)


@router.get("/packages/{name}")
def builds(application: ApplicationHere, name: str) -> wire.PackagePage:
    """Return the builds of one package, newest first."""
    with application.reading() as unit:
        found = packages.builds_of(unit.session, name)
    if not found:
        raise NotFoundError(f"no package {name[:100]!r} was built here")
    return wire.PackagePage(packages=tuple(map(wire.PackageWire.model_validate, found)), next_after=None)


@router.get("/packages/{name}/copies")
def copies(application: ApplicationHere, name: str) -> wire.CopiesWire:
    """Return the packages that hold code of a package, so that fixing that package alone does not fix them."""
    with application.reading() as unit:
        if not packages.builds_of(unit.session, name, limit=1):
            raise NotFoundError(f"no package {name[:100]!r} was built here")
        found = copies_of(unit, name)
    return wire.CopiesWire(name=name, copies=tuple(map(wire.CopyWire.model_validate, found)))
