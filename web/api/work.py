"""Routes of build workers: claim, heartbeat, log, report. Each request is signed; each report needs a live lease."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from farm.api import wire, worker_wire
from farm.core.plan.abi import AbiOutcome
from farm.core.plan.job import BuildOutcome, TestOutcome
from farm.server.jobs import jobs, leases
from farm.server.jobs.finishing import fail, finish_build, finish_comparison, finish_test
from farm.server.jobs.leases import claim, heartbeat, require_lease
from farm.server.jobs.planning import limits_of
from farm.server.tables.states import JobKind
from web.auth import ApplicationHere, WorkerCall, check_role, whole_call

if TYPE_CHECKING:
    from farm.server.transaction.unit_of_work import Application

router = APIRouter(prefix="/api/v1/worker", tags=["workers"])

Call = Annotated[WorkerCall, Depends(whole_call)]


@router.post("/claims", response_model=None, status_code=201)
def create_claim(
    application: ApplicationHere, call: Call, body: worker_wire.ClaimRequest
) -> worker_wire.LeaseWire | Response:
    """Give the worker a job that it may do, or answer 204 if there is none."""
    lease = claim(application, call.worker, hint=body.job, known=[JobKind(kind) for kind in body.kinds])
    if lease is None:
        return Response(status_code=204)
    return worker_wire.LeaseWire(
        attempt=lease.attempt.id,
        job=lease.job.id,
        kind=lease.job.kind.value,
        token=lease.token,
        seconds=application.lease_policy.lease.total_seconds(),
        order=lease.order.to_dict(),
        toolchain=worker_wire.ToolchainWire.model_validate(lease.toolchain) if lease.toolchain else None,
    )


@router.post("/attempts/{attempt_id}/heartbeat")
def beat(application: ApplicationHere, call: Call, attempt_id: wire.Number) -> worker_wire.ExtendedWire:
    """Extend the lease; 409 if it is lost."""
    with application.writing() as unit:
        heartbeat(unit, call.holder(attempt_id))
    return worker_wire.ExtendedWire(seconds=application.lease_policy.lease.total_seconds())


@router.post("/attempts/{attempt_id}/log")
async def append_log(
    request: Request, application: ApplicationHere, call: Call, attempt_id: wire.Number, offset: wire.Offset
) -> worker_wire.AppendedWire:
    """Append whole records at `offset`; 409 with the right offset if that is another."""
    piece = await request.body()
    return await run_in_threadpool(_append, application, call, attempt_id, offset, piece)


@router.post("/attempts/{attempt_id}/finish", status_code=204)
def finish(
    request: Request, application: ApplicationHere, call: Call, attempt_id: wire.Number, body: worker_wire.FinishRequest
) -> None:
    """Report a finished build, test or comparison."""
    holder, kind = call.holder(attempt_id), JobKind(body.kind)
    check_role(request, application, call, kind)
    if kind is JobKind.BUILD:
        outcome = BuildOutcome.from_dict(body.outcome)
        finish_build(application, holder, outcome, check_provenance=request.app.state.check_provenance)
    elif kind is JobKind.TEST:
        finish_test(application, holder, TestOutcome.from_dict(body.outcome))
    else:
        finish_comparison(application, holder, AbiOutcome.from_dict(body.outcome))


@router.post("/attempts/{attempt_id}/fail", status_code=204)
def report_failure(
    application: ApplicationHere, call: Call, attempt_id: wire.Number, body: worker_wire.FailRequest
) -> None:
    """Report that the build failed."""
    fail(application, call.holder(attempt_id), code=body.code, message=body.message)


@router.post("/attempts/{attempt_id}/release", status_code=204)
def release(
    application: ApplicationHere, call: Call, attempt_id: wire.Number, body: worker_wire.ReleaseRequest
) -> None:
    """Give the job back."""
    with application.planning() as unit:
        leases.release(unit, call.holder(attempt_id), error=body.error, trouble=body.trouble)


def _append(
    application: Application, call: WorkerCall, attempt_id: int, offset: int, piece: bytes
) -> worker_wire.AppendedWire:
    with application.reading() as unit:
        attempt = require_lease(unit, call.holder(attempt_id))
        limits = limits_of(unit, jobs.find_job(unit.session, attempt.job_id))
    # The worker limits the text of the build; the JSON form and the worker's own lines come on top.
    limit = 8 * limits.log_mb * (1 << 20) + (1 << 20)
    return worker_wire.AppendedWire(size=application.logs.append(attempt_id, offset, piece, limit=limit))
