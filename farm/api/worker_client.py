"""The API for build workers: every request signed with the worker's own key. Holds no database URL and no token."""

from __future__ import annotations

import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from farm.api import wire, worker_wire
from farm.api.answers import read_model
from farm.api.blob_download import receive_blob
from farm.api.errors import FarmUnreachableError, raise_for
from farm.api.signing import SignedWorkerRequest
from farm.core.names.digest import Digest
from farm.core.plan.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from farm.store.blobs import BlobStore

KINDS: tuple[wire.JobKindText, ...] = ("build", "test", "comparison")
"""The kinds of jobs that this program can do."""
_TIMEOUT = httpx.Timeout(30.0, read=60.0, pool=None)


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease that this worker holds. `deadline` is when it ends unless extended, on this process's monotonic clock."""

    attempt: int
    job: int
    token: str
    seconds: float
    deadline: float
    kind: wire.JobKindText
    order: dict[str, Any]
    toolchain: worker_wire.ToolchainWire | None


class WorkerClient:
    """A worker's connection to its farm. Safe to use from several threads.

    Every method raises `FarmUnreachableError`, `InvalidAnswerError`, `RefusedRequestError`, and with a lease
    `LeaseGoneError`.
    """

    def __init__(self, url: str, name: str, key: Ed25519PrivateKey, *, clock: Callable[[], float] = time.time) -> None:
        self._url = url.rstrip("/")
        self._name = name
        self._key = key
        self._clock = clock
        self._client = httpx.Client(base_url=self._url, timeout=_TIMEOUT)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def claim(self, job: int | None = None) -> HeldLease | None:
        """Ask for a job, preferably this one; None if there is none."""
        asked = time.monotonic()
        response = self._send("POST", "/api/v1/worker/claims", worker_wire.ClaimRequest(job=job, kinds=KINDS))
        if response.status_code == httpx.codes.NO_CONTENT:
            return None
        lease = read_model(response, worker_wire.LeaseWire)
        return HeldLease(
            attempt=lease.attempt,
            job=lease.job,
            token=lease.token,
            seconds=lease.seconds,
            deadline=asked + lease.seconds,
            kind=lease.kind,
            order=lease.order,
            toolchain=lease.toolchain,
        )

    def heartbeat(self, lease: HeldLease) -> float:
        """Extend the lease; return its new end on the monotonic clock."""
        asked = time.monotonic()
        response = self._send("POST", f"{_attempt(lease)}/heartbeat", None, lease=lease)
        return asked + read_model(response, worker_wire.ExtendedWire).seconds

    def append_log(self, lease: HeldLease, offset: int, piece: bytes) -> int:
        """Append whole lines of log at `offset`; return the log's size. Raises `LogOffsetRefusedError` too."""
        response = self._send("POST", f"{_attempt(lease)}/log?offset={offset}", piece, lease=lease)
        return read_model(response, worker_wire.AppendedWire).size

    def has_blob(self, digest: Digest) -> bool:
        """Return whether the farm has a blob."""
        request = self._request("HEAD", f"/api/v1/worker/blobs/{digest}", b"")
        with self._reaching():
            response = self._client.send(request)
        if response.status_code == httpx.codes.NOT_FOUND:
            return False
        self._check(response)
        return True

    def fetch_blob(self, digest: Digest, store: BlobStore, *, size: int | None = None) -> None:
        """Fetch a blob of the farm into a store, verified. Raises `BlobMismatchError`.

        `size` is the most bytes that it may have; without it, there is no limit.
        """
        request = self._request("GET", f"/api/v1/worker/blobs/{digest}", b"")
        with self._reaching():
            response = self._client.send(request, stream=True)
            try:
                if not response.is_success:
                    response.read()
                self._check(response)
                receive_blob(response, digest, store, size=size)
            finally:
                response.close()

    def upload_blob(self, lease: HeldLease, digest: Digest, store: BlobStore) -> None:
        """Send a blob to the farm, unless it has it already."""
        if self.has_blob(digest):
            return
        request = self._request(
            "PUT", f"{_attempt(lease)}/blobs/{digest}", store.pieces(digest), lease=lease, body_digest=digest
        )
        del request.headers["Transfer-Encoding"]
        request.headers["Content-Length"] = str(store.size(digest))
        with self._reaching():
            self._check(self._client.send(request))

    def finish(self, lease: HeldLease, outcome: dict[str, Any]) -> None:
        """Report a finished build, test or comparison."""
        self._send(
            "POST",
            f"{_attempt(lease)}/finish",
            worker_wire.FinishRequest(kind=lease.kind, outcome=outcome),
            lease=lease,
        )

    def fail(self, lease: HeldLease, *, code: str, message: str) -> None:
        """Report that the build failed."""
        request = worker_wire.FailRequest(code=code, message=message[:20_000])
        self._send("POST", f"{_attempt(lease)}/fail", request, lease=lease)

    def release(self, lease: HeldLease, *, error: str = "", trouble: Trouble = Trouble.NONE) -> None:
        """Give the job back; with the error and its kind, if there was trouble."""
        request = worker_wire.ReleaseRequest(error=error[:20_000], trouble=trouble)
        self._send("POST", f"{_attempt(lease)}/release", request, lease=lease)

    def _send(
        self, method: str, target: str, body: wire.Wire | bytes | None, *, lease: HeldLease | None = None
    ) -> httpx.Response:
        content = body.model_dump_json().encode() if isinstance(body, wire.Wire) else body or b""
        request = self._request(method, target, content, lease=lease)
        if isinstance(body, wire.Wire):
            request.headers["Content-Type"] = "application/json"
        with self._reaching():
            response = self._client.send(request)
        self._check(response)
        return response

    def _request(
        self,
        method: str,
        target: str,
        content: bytes | Iterator[bytes],
        *,
        lease: HeldLease | None = None,
        body_digest: Digest | None = None,
    ) -> httpx.Request:
        request = self._client.build_request(method, target, content=content)
        signed = SignedWorkerRequest(
            worker=self._name,
            method=method,
            target=request.url.raw_path.decode("ascii"),
            body=body_digest or Digest.of(content if isinstance(content, bytes) else b""),
            time=int(self._clock()),
            nonce=secrets.token_hex(16),
            lease=lease.token if lease else "",
        )
        request.headers.update(signed.headers(self._key))
        return request

    def _check(self, response: httpx.Response) -> None:
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            # The farm is overloaded: treat it as unreachable, and ask again.
            raise FarmUnreachableError(self._url, "it is busy with other requests")
        raise_for(response)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as error:
            raise FarmUnreachableError(self._url, str(error) or type(error).__name__) from error


def _attempt(lease: HeldLease) -> str:
    return f"/api/v1/worker/attempts/{lease.attempt}"
