"""Routes by which workers fetch blobs, and upload the outputs of leased builds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from farm.api.signing import UnsignedRequestError
from farm.api.wire import Number  # noqa: TC001  (FastAPI reads the annotations of a route)
from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.server.jobs.leases import require_lease
from farm.store.decompress import PassingArchive
from web.auth import ApplicationHere, WorkerCall, settings_of, signed_call, whole_call
from web.receiving import pieces

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.server.transaction.unit_of_work import Application
    from farm.store.blobs import BlobWriter
    from web.settings import WebSettings

router = APIRouter(prefix="/api/v1/worker", tags=["blobs"])

WholeCall = Annotated[WorkerCall, Depends(whole_call)]
StreamedCall = Annotated[WorkerCall, Depends(signed_call)]


@router.head("/blobs/{digest}")
def find(application: ApplicationHere, call: WholeCall, digest: str) -> Response:  # noqa: ARG001
    """Return whether the farm has a blob, and its size."""
    size = application.blobs.size(Digest(digest))
    return Response(headers={"Content-Length": str(size), "Content-Type": "application/octet-stream"})


@router.get("/blobs/{digest}")
def fetch(application: ApplicationHere, call: WholeCall, digest: str) -> StreamingResponse:  # noqa: ARG001
    """Send a blob, verified while it is read: a corrupt one breaks off before its last bytes."""
    name = Digest(digest)
    size = application.blobs.size(name)
    return StreamingResponse(
        application.blobs.pieces(name), media_type="application/octet-stream", headers={"Content-Length": str(size)}
    )


@router.put("/attempts/{attempt_id}/blobs/{digest}", status_code=201)
async def take(
    request: Request, application: ApplicationHere, call: StreamedCall, attempt_id: Number, digest: str
) -> None:
    """Accept a blob from the holder of a live lease. Its digest is in the path, which the signature covers."""
    settings, name = settings_of(request), Digest(digest)
    if call.signed.body != name:
        raise UnsignedRequestError("the body that was signed is not the blob that the path names")
    await run_in_threadpool(_check_lease, application, call, attempt_id)
    size = _promised_size(request, settings)
    if await run_in_threadpool(application.blobs.has, name):
        await _receive(request, lambda _: None, size, settings)
        return
    writer = await run_in_threadpool(application.blobs.writer)
    archive = PassingArchive()
    try:
        await _receive(request, _both(writer, archive), size, settings)
        await run_in_threadpool(writer.commit, name)
    finally:
        await run_in_threadpool(writer.__exit__, None, None, None)
    if archive.digest is not None:
        application.archives.remember(name, archive.digest)


def _check_lease(application: Application, call: WorkerCall, attempt_id: int) -> None:
    with application.reading() as unit:
        require_lease(unit, call.holder(attempt_id))


def _promised_size(request: Request, settings: WebSettings) -> int:
    text = request.headers.get("Content-Length", "")
    if not text.isdecimal():
        raise FarmError("a blob must come with its length", remedy="Send Content-Length.", code="body-too-large")
    if int(text) > settings.blob_bytes:
        raise FarmError(f"a blob may have {settings.blob_bytes} bytes, this one has {int(text)}", code="body-too-large")
    return int(text)


async def _receive(request: Request, take: Callable[[bytes], None], size: int, settings: WebSettings) -> None:
    left = size
    async for piece in pieces(request.receive, settings):
        left -= len(piece)
        if left < 0:
            raise FarmError(f"the blob has more than the {size} bytes that were promised", code="body-too-large")
        await run_in_threadpool(take, piece)


def _both(writer: BlobWriter, archive: PassingArchive) -> Callable[[bytes], None]:
    def take(piece: bytes) -> None:
        writer.write(piece)
        archive.write(piece)

    return take
