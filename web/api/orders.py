"""Routes by which maintainers reproduce a build on their own machine: its order, and the blobs that this names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.responses import StreamingResponse

from farm.api import wire
from farm.api.order_wire import JobOrderWire
from farm.api.worker_wire import ToolchainWire
from farm.core.names.digest import Digest
from farm.server.jobs import jobs
from farm.server.jobs.repeating import order_to_repeat
from web.auth import ApplicationHere, Maintainer
from web.problems import NotFoundError

if TYPE_CHECKING:
    from farm.server.jobs.repeating import RepeatableOrder
    from farm.server.transaction.unit_of_work import Application

router = APIRouter(prefix="/api/v1", tags=["jobs"])


@router.get("/jobs/{job_id}/order")
def order(application: ApplicationHere, token: Maintainer, job_id: wire.Number) -> JobOrderWire:  # noqa: ARG001
    """Return what a build job is built from: its plan, its sources, its dependencies, its toolchain."""
    found = _order(application, job_id)
    return JobOrderWire(
        job=job_id, order=found.order.to_dict(), toolchain=ToolchainWire.model_validate(found.toolchain)
    )


@router.get("/jobs/{job_id}/blobs/{digest}")
def blob(
    application: ApplicationHere,
    token: Maintainer,  # noqa: ARG001
    job_id: wire.Number,
    digest: str,
) -> StreamingResponse:
    """Send a blob that the order of a build job names, verified while it is read."""
    name = Digest(digest)
    if name not in _order(application, job_id).blobs:
        raise NotFoundError(f"the order of job {job_id} names no blob {name}")
    size = application.blobs.size(name)
    return StreamingResponse(
        application.blobs.pieces(name), media_type="application/octet-stream", headers={"Content-Length": str(size)}
    )


def _order(application: Application, job_id: int) -> RepeatableOrder:
    with application.reading() as unit:
        return order_to_repeat(unit, jobs.find_job(unit.session, job_id))
