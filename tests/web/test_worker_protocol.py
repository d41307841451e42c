"""The protocol of workers over real HTTP, from claim to package; and everything that a liar or a thief may try."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from zstandard import ZstdCompressor

from farm.api.errors import FarmUnreachableError, LeaseGoneError, LogOffsetRefusedError, RefusedRequestError
from farm.api.log_lines import encode_record
from farm.api.signing import (
    BODY_HEADER,
    NONCE_HEADER,
    SIGNATURE_HEADER,
    TIME_HEADER,
    WORKER_HEADER,
    SignedWorkerRequest,
)
from farm.api.worker_client import WorkerClient
from farm.core.names.digest import Digest
from farm.core.plan.job import BuildOrder
from farm.server.identities import identities
from farm.store.blobs import BlobStore
from tests.farms.served import served_farm, serving
from tests.farms.small import recipe
from web.settings import WebSettings

if TYPE_CHECKING:
    from pathlib import Path

    from farm.api.worker_client import HeldLease
    from farm.server.tables.session import Database
    from tests.farms.served import HandMadeWorker, ServedFarm


def line(text: str) -> bytes:
    return encode_record({"time": "2026", "stream": "stdout", "severity": "info", "step": "make", "text": text})


@pytest.fixture
def worker(farm: ServedFarm) -> HandMadeWorker:
    with farm.client() as client:
        client.submit({"a": recipe("a"), "b": recipe("b", needs=("a",))})
    return farm.worker()


def test_a_worker_builds_a_chain_of_packages(farm: ServedFarm, worker: HandMadeWorker) -> None:
    assert worker.build().kind == "build"
    lease = worker.claim()
    order = BuildOrder.from_dict(lease.order)
    (archive,) = order.archives
    worker.client.fetch_blob(archive.archive.digest, worker.store, size=archive.archive.size)
    outcome = worker.outcome(lease)
    worker.upload(lease, outcome)
    worker.client.finish(lease, outcome.to_dict())
    with farm.client() as client:
        packages = client.packages().packages
        detail = client.job(lease.job)
    assert [package.name for package in packages] == ["a", "b"]
    assert detail.job.state == "succeeded"
    assert detail.packages == (packages[1].digest,)
    assert worker.client.claim() is None


def test_a_heartbeat_extends_the_lease(worker: HandMadeWorker) -> None:
    lease = worker.claim()
    time.sleep(0.05)
    assert worker.client.heartbeat(lease) > lease.deadline


def test_the_log_is_taken_by_offset(worker: HandMadeWorker) -> None:
    lease = worker.claim()
    size = worker.client.append_log(lease, 0, line("one"))
    assert worker.client.append_log(lease, 0, line("one")) == size
    with pytest.raises(LogOffsetRefusedError) as caught:
        worker.client.append_log(lease, size + 1, line("two"))
    assert caught.value.size == size


def test_a_failure_is_reported(farm: ServedFarm, worker: HandMadeWorker) -> None:
    lease = worker.claim()
    worker.client.fail(lease, code="build-failed", message="make: *** Error 2")
    with farm.client() as client:
        assert client.job(lease.job).job.error == "make: *** Error 2"
        assert client.jobs(state="blocked").jobs[0].name == "b"


def test_words_that_no_database_takes_are_kept_all_the_same(farm: ServedFarm, worker: HandMadeWorker) -> None:
    lease = worker.claim()
    worker.client.fail(lease, code="build-failed", message="make:\0 Error \u202e 2")
    with farm.client() as client:
        assert client.job(lease.job).job.error == "make:\ufffd Error \u202e 2"


def test_a_job_that_is_given_back_is_claimed_by_another(farm: ServedFarm, worker: HandMadeWorker) -> None:
    lease = worker.claim()
    worker.client.release(lease)
    assert farm.worker("two").claim().job == lease.job


@pytest.mark.parametrize("way", ["heartbeat", "log", "upload", "finish", "fail", "release"])
def test_another_workers_lease_is_refused_in_every_way(farm: ServedFarm, worker: HandMadeWorker, way: str) -> None:
    lease, thief = worker.claim(), farm.worker("thief")
    outcome = thief.outcome(lease)
    ways = {
        "heartbeat": lambda: thief.client.heartbeat(lease),
        "log": lambda: thief.client.append_log(lease, 0, line("x")),
        "upload": lambda: thief.upload(lease, outcome),
        "finish": lambda: thief.client.finish(lease, outcome.to_dict()),
        "fail": lambda: thief.client.fail(lease, code="x", message="x"),
        "release": lambda: thief.client.release(lease),
    }
    with pytest.raises(LeaseGoneError) as caught:
        ways[way]()
    assert caught.value.status == 409
    assert "never" in caught.value.message


def test_a_package_whose_provenance_another_key_signed_is_refused(farm: ServedFarm, worker: HandMadeWorker) -> None:
    lease = worker.claim()
    liar = replace(worker, key=Ed25519PrivateKey.generate())
    outcome = liar.outcome(lease)
    worker.upload(lease, outcome)
    with pytest.raises(RefusedRequestError, match="no allowed key") as caught:
        worker.client.finish(lease, outcome.to_dict())
    assert caught.value.status == 422
    assert farm.refusals() == [("worker:one", "invalid-envelope")]
    with farm.client() as client:
        assert client.packages().packages == ()


def test_an_archive_that_is_not_the_package_is_refused_and_written_down(
    farm: ServedFarm, worker: HandMadeWorker
) -> None:
    lease = worker.claim()
    honest = worker.outcome(lease)
    lie = replace(honest.packages[0], archive=worker.keep(ZstdCompressor().compress(b"something else")))
    outcome = replace(honest, packages=(lie,))
    worker.upload(lease, outcome)
    with pytest.raises(RefusedRequestError, match="does not hold what its descriptor says") as caught:
        worker.client.finish(lease, outcome.to_dict())
    assert caught.value.status == 422
    assert farm.refusals() == [("worker:one", "refused-outcome")]
    with farm.client() as client:
        assert client.packages().packages == ()
        assert client.job(lease.job).job.state == "leased"
    worker.upload(lease, honest)
    worker.client.finish(lease, honest.to_dict())
    with farm.client() as client:
        assert len(client.packages().packages) == 1


def test_an_archive_that_was_seen_to_pass_is_not_read_again(
    farm: ServedFarm, worker: HandMadeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = worker.claim()
    outcome = worker.outcome(lease)
    archive = outcome.packages[0].archive.digest
    read: list[Digest] = []
    opened = farm.application.blobs.open

    def opening(digest: Digest) -> BinaryIO:
        read.append(digest)
        return opened(digest)

    monkeypatch.setattr(farm.application.blobs, "open", opening)
    worker.upload(lease, outcome)
    worker.client.finish(lease, outcome.to_dict())
    assert archive not in read
    assert farm.application.archives.unpacked(archive) == outcome.packages[0].descriptor.diff_id


def test_a_report_that_is_none_is_written_down(farm: ServedFarm, worker: HandMadeWorker) -> None:
    lease = worker.claim()
    with pytest.raises(RefusedRequestError) as caught:
        worker.client.finish(lease, {"packages": "none"})
    assert caught.value.status == 422
    target = f"/api/v1/worker/attempts/{lease.attempt}/fail"
    headers = _signed(worker, "POST", target, b"{}", lease) | {"Content-Type": "application/json"}
    assert httpx.post(farm.url + target, content=b"{}", headers=headers).status_code == 422
    assert [actor for actor, _ in farm.refusals()] == ["worker:one"] * 2
    assert farm.refusals()[1][1] == "invalid-request"


def test_a_blob_that_is_not_what_its_digest_says_is_refused(
    farm: ServedFarm, worker: HandMadeWorker, tmp_path: Path
) -> None:
    lease = worker.claim()
    other = BlobStore(tmp_path / "other")
    digest = other.put_bytes(b"right")
    other.path(digest).chmod(0o644)
    other.path(digest).write_bytes(b"wrong")
    headers = _signed(worker, "PUT", f"/api/v1/worker/attempts/{lease.attempt}/blobs/{digest}", b"right", lease)
    target = f"{farm.url}/api/v1/worker/attempts/{lease.attempt}/blobs/{digest}"
    answer = httpx.put(target, content=b"wrong", headers=headers)
    assert answer.status_code == 422
    assert farm.refusals() == [("worker:one", "blob-mismatch")]
    assert not farm.application.blobs.has(digest)


def test_a_blob_that_is_not_the_body_that_was_signed_is_refused(farm: ServedFarm, worker: HandMadeWorker) -> None:
    lease, digest = worker.claim(), Digest.of(b"content")
    target = f"/api/v1/worker/attempts/{lease.attempt}/blobs/{digest}"
    answer = httpx.put(farm.url + target, content=b"content", headers=_signed(worker, "PUT", target, b"other", lease))
    assert answer.status_code == 401
    assert not farm.application.blobs.has(digest)


def test_a_blob_larger_than_allowed_is_refused(database: Database, tmp_path: Path) -> None:
    with served_farm(database, tmp_path, settings=WebSettings(blob_bytes=1000)) as farm:
        with farm.client() as client:
            client.submit({"a": recipe("a")})
        worker = farm.worker()
        lease = worker.claim()
        digest = worker.store.put_bytes(b"x" * 1001)
        with pytest.raises(RefusedRequestError) as caught:
            worker.client.upload_blob(lease, digest, worker.store)
        assert caught.value.status == 413


def test_fetching_an_unknown_blob_says_so(worker: HandMadeWorker) -> None:
    assert not worker.client.has_blob(Digest.of(b"nowhere"))
    with pytest.raises(RefusedRequestError) as caught:
        worker.client.fetch_blob(Digest.of(b"nowhere"), worker.store)
    assert caught.value.status == 404


def test_a_rotten_blob_is_never_served_whole(farm: ServedFarm, worker: HandMadeWorker) -> None:
    digest = farm.application.blobs.put_bytes(b"y" * 3_000_000)
    path = farm.application.blobs.path(digest)
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[5] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(Exception, match=r"peer closed|does not answer|incomplete"):
        worker.client.fetch_blob(digest, worker.store)
    assert not worker.store.has(digest)


@pytest.mark.parametrize(
    "digest", ["sha256:..%2f..%2fetc%2fpasswd", "..%2f..%2f..%2fetc%2fpasswd", "sha256:zz", "x" * 3000]
)
def test_a_path_that_is_no_digest_reaches_no_file(farm: ServedFarm, worker: HandMadeWorker, digest: str) -> None:
    target = f"/api/v1/worker/blobs/{digest}"
    answer = httpx.get(farm.url + target, headers=_signed(worker, "GET", target, b""))
    assert answer.status_code in (404, 422)
    assert "root:" not in answer.text


def _signed(
    worker: HandMadeWorker, method: str, target: str, body: bytes, lease: HeldLease | None = None, **changes: object
) -> dict[str, str]:
    request = SignedWorkerRequest(
        worker="one",
        method=method,
        target=target,
        body=Digest.of(body),
        time=int(time.time()),
        nonce=time.monotonic_ns().__str__(),
        lease=lease.token if lease else "",
    )
    return replace(request, **changes).headers(worker.key)  # type: ignore[arg-type]


CLAIMS = "/api/v1/worker/claims"


def _claim(farm: ServedFarm, headers: dict[str, str], body: bytes = b"{}", query: str = "") -> httpx.Response:
    return httpx.post(farm.url + CLAIMS + query, content=body, headers={**headers, "Content-Type": "application/json"})


def test_the_same_request_is_taken_once(farm: ServedFarm, worker: HandMadeWorker) -> None:
    headers = _signed(worker, "POST", CLAIMS, b"{}")
    assert _claim(farm, headers).status_code == 201
    replayed = _claim(farm, headers)
    assert replayed.status_code == 401
    assert "nonce" in replayed.text
    assert farm.refusals() == [("worker:one", "unsigned-request")]


@pytest.mark.parametrize("seconds", [-310, 400, -(10**9), 10**10])
def test_a_time_outside_the_window_is_refused(farm: ServedFarm, worker: HandMadeWorker, seconds: int) -> None:
    answer = _claim(farm, _signed(worker, "POST", CLAIMS, b"{}", time=int(time.time()) + seconds))
    assert answer.status_code == 401
    assert "clock" in answer.json()["remedy"]
    assert farm.refusals() == [("worker:one", "unsigned-request")]


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (WORKER_HEADER, "two"),
        (WORKER_HEADER, "nobody"),
        (NONCE_HEADER, "another"),
        (TIME_HEADER, "1800000000"),
        (TIME_HEADER, "soon"),
        (BODY_HEADER, Digest.of(b"other")),
        (BODY_HEADER, "none"),
        (SIGNATURE_HEADER, "00" * 64),
        (SIGNATURE_HEADER, "not hex"),
        (SIGNATURE_HEADER, None),
        (WORKER_HEADER, None),
    ],
)
def test_a_changed_header_breaks_the_signature(
    farm: ServedFarm, worker: HandMadeWorker, header: str, value: str | None
) -> None:
    farm.worker("two")
    headers = _signed(worker, "POST", CLAIMS, b"{}")
    headers.pop(header)
    if value is not None:
        headers[header] = value
    assert _claim(farm, headers).status_code == 401
    assert [code for _, code in farm.refusals()] == ["unsigned-request"]
    with farm.client() as client:
        assert client.jobs(state="leased").jobs == ()


def test_another_body_query_or_method_breaks_the_signature(farm: ServedFarm, worker: HandMadeWorker) -> None:
    assert _claim(farm, _signed(worker, "POST", CLAIMS, b"{}"), body=b'{"job":1}').status_code == 401
    assert _claim(farm, _signed(worker, "POST", CLAIMS, b"{}"), query="?x=1").status_code == 401
    assert _claim(farm, _signed(worker, "GET", CLAIMS, b"{}")).status_code == 401


def test_a_revoked_worker_is_told_so(farm: ServedFarm, worker: HandMadeWorker) -> None:
    with farm.application.writing() as unit:
        identities.revoke_worker(unit.session, "one", now=unit.now)
    with pytest.raises(RefusedRequestError, match="revoked") as caught:
        worker.client.claim()
    assert caught.value.status == 403


def test_a_tester_gets_no_build_and_may_not_report_one(farm: ServedFarm, worker: HandMadeWorker) -> None:
    tester = farm.worker("tester", builds=False)
    assert tester.client.claim() is None
    lease = worker.claim()
    with pytest.raises(RefusedRequestError) as caught:
        tester.client.finish(lease, worker.outcome(lease).to_dict())
    assert caught.value.status == 403


def test_a_token_of_a_person_opens_no_workers_door(farm: ServedFarm) -> None:
    answer = httpx.post(farm.url + CLAIMS, json={}, headers={"Authorization": f"Bearer {farm.token()}"})
    assert answer.status_code == 401


def test_a_body_that_never_ends_in_time_is_cut_off(database: Database, tmp_path: Path) -> None:
    with served_farm(database, tmp_path, settings=WebSettings(body_seconds=0.3)) as farm:
        host, port = farm.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            head = f"POST /api/v1/submissions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {farm.token()}\r\n"
            connection.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
            assert b" 408 " in connection.recv(1000).split(b"\r\n")[0]


def test_a_farm_without_room_is_as_good_as_away_and_no_refusal() -> None:
    """A refusal would end the job, or its log; a request without an answer is repeated."""

    async def full(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 503})
            await send({"type": "http.response.body", "body": b""})

    with serving(full) as url:
        client = WorkerClient(url, "one", Ed25519PrivateKey.generate())
        with pytest.raises(FarmUnreachableError, match="busy"):
            client.claim()


def test_the_client_says_when_nobody_answers() -> None:
    client = WorkerClient("http://127.0.0.1:1", "one", Ed25519PrivateKey.generate())
    with pytest.raises(Exception, match="does not answer"):
        client.claim()
