"""Row 19: requests that the API must refuse: 401, 403 or 413, a row in the audit trail, and nothing changed."""

from __future__ import annotations

import re
import socket
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from farm.api.errors import RefusedRequestError
from farm.api.signing import SignedWorkerRequest
from farm.core.names.digest import Digest
from farm.server.identities import access, identities
from farm.server.tables.states import Role
from tests.farms.served import served_farm
from tests.farms.small import recipe
from web.settings import WebSettings

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.tables.session import Database
    from tests.farms.served import HandMadeWorker, ServedFarm

SUBMISSIONS, CLAIMS = "/api/v1/submissions", "/api/v1/worker/claims"
CHANGES = (
    ("POST", SUBMISSIONS),
    ("POST", "/api/v1/jobs/1/cancel"),
    ("POST", "/api/v1/jobs/1/retry"),
    ("POST", "/api/v1/workers"),
    ("DELETE", "/api/v1/workers/one"),
    ("POST", "/api/v1/tokens"),
    ("DELETE", "/api/v1/tokens/1"),
)


def state(farm: ServedFarm) -> tuple[object, ...]:
    """Everything that a request could have changed, except the audit trail."""
    with farm.client() as client, farm.application.reading() as unit:
        jobs = [(job.id, job.state) for job in client.jobs().jobs]
        packages = [package.digest for package in client.packages().packages]
        workers = [(worker.name, worker.public_key, worker.revoked_at) for worker in identities.workers(unit.session)]
    blobs = sorted(path.name for path in (farm.directory / "blobs").rglob("*") if path.is_file())
    logs = {path.name: path.read_bytes() for path in (farm.directory / "logs").rglob("*") if path.is_file()}
    return jobs, packages, workers, blobs, logs


@pytest.fixture
def busy(farm: ServedFarm) -> ServedFarm:
    """A farm with a job and a worker."""
    with farm.client() as client:
        client.submit({"a": recipe("a")})
    farm.worker("one")
    return farm


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_without_a_token_nothing_changes(busy: ServedFarm, method: str, path: str) -> None:
    before = state(busy)
    answers = [
        httpx.request(method, busy.url + path, headers=headers, json={} if method == "POST" else None)
        for headers in ({}, {"Authorization": "Bearer guessed"}, {"Authorization": "Basic YTpi"}, {"Cookie": "token=x"})
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert all(answer.json()["message"] for answer in answers)
    assert [code for _, code in busy.refusals()] == ["unauthenticated"] * 4
    assert state(busy) == before


def test_there_is_no_way_to_change_anything_without_a_token_or_a_signature(busy: ServedFarm) -> None:
    """Every route that the farm has, so that a new one cannot be left open."""
    before = state(busy)
    paths = httpx.get(f"{busy.url}/api/openapi.json").json()["paths"]
    changes = [(method, path) for path, methods in paths.items() for method in methods if method not in ("get", "head")]
    assert len(changes) > 20
    for number, (method, path) in enumerate(changes, start=2):
        filled = re.sub(r"{\w+}", lambda found: str(Digest.of(b"x")) if "digest" in found[0] else "1", path)
        # Each from an address of its own: of many refusals to one address only some leave a row.
        with httpx.Client(transport=httpx.HTTPTransport(local_address=f"127.0.0.{number}")) as stranger:
            answer = stranger.request(method.upper(), busy.url + filled, content=b"{}")
        assert answer.status_code == 401, (method, path, answer.text)
    assert {code for _, code in busy.refusals()} == {"unauthenticated", "unsigned-request", "unsigned-webhook"}
    assert len(busy.refusals()) == len(changes)
    assert state(busy) == before


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_with_an_expired_or_a_revoked_token_nothing_changes(busy: ServedFarm, method: str, path: str) -> None:
    with busy.application.writing() as unit:
        old, _ = access.issue_token(unit, name="old", role=Role.ADMIN, lasts=timedelta(seconds=-1))
        gone, kept = access.issue_token(unit, name="gone", role=Role.ADMIN, lasts=timedelta(days=1))
        identities.revoke_token(unit.session, kept.id, now=unit.now)
    before = state(busy)
    for token, says in ((old, "expired"), (gone, "revoked")):
        headers = {"Authorization": f"Bearer {token}"}
        answer = httpx.request(method, busy.url + path, headers=headers, json={} if method == "POST" else None)
        assert answer.status_code == 401
        assert says in answer.json()["message"]
    assert len(busy.refusals()) == 2
    assert state(busy) == before


@pytest.mark.parametrize(
    ("role", "method", "path", "body"),
    [
        (Role.CURATOR, "POST", SUBMISSIONS, {"recipes": {}}),
        (Role.CURATOR, "POST", "/api/v1/tokens", {"name": "me", "role": "admin", "days": 1}),
        (Role.MAINTAINER, "POST", "/api/v1/tokens", {"name": "me", "role": "admin", "days": 1}),
        (Role.MAINTAINER, "DELETE", "/api/v1/tokens/1", None),
        (Role.MAINTAINER, "POST", "/api/v1/workers", {"name": "two", "public_key": "ab" * 32, "roles": ["build"]}),
        (Role.MAINTAINER, "DELETE", "/api/v1/workers/one", None),
    ],
)
def test_with_a_token_of_another_role_nothing_changes(
    busy: ServedFarm, role: Role, method: str, path: str, body: object
) -> None:
    token = busy.token(role)
    before = state(busy)
    answer = httpx.request(method, busy.url + path, headers={"Authorization": f"Bearer {token}"}, json=body)
    assert answer.status_code == 403, answer.text
    assert busy.refusals() == [(f"token:some-{role}", "forbidden")]
    assert state(busy) == before


def test_a_token_of_a_person_opens_no_workers_door_and_the_other_way_round(busy: ServedFarm) -> None:
    before = state(busy)
    person = httpx.post(busy.url + CLAIMS, json={}, headers={"Authorization": f"Bearer {busy.token(Role.ADMIN)}"})
    worker = busy.worker("two")
    before = state(busy)
    signed = headers_for(worker, "two", "POST", SUBMISSIONS, b'{"recipes":{}}')
    answer = httpx.post(busy.url + SUBMISSIONS, content=b'{"recipes":{}}', headers=signed)
    assert (person.status_code, answer.status_code) == (401, 401)
    assert len(busy.refusals()) == 2
    assert state(busy) == before


def headers_for(
    worker: HandMadeWorker, name: str, method: str, target: str, body: bytes, *, lease: str = ""
) -> dict[str, str]:
    request = SignedWorkerRequest(
        worker=name,
        method=method,
        target=target,
        body=Digest.of(body),
        time=int(time.time()),
        nonce=str(time.monotonic_ns()),
        lease=lease,
    )
    return request.headers(worker.key)


def test_a_replayed_upload_is_refused_and_the_blob_stays_what_it_was(busy: ServedFarm) -> None:
    worker = busy.worker("two")
    lease = worker.claim()
    content, digest = b"content", Digest.of(b"content")
    target = f"/api/v1/worker/attempts/{lease.attempt}/blobs/{digest}"
    headers = headers_for(worker, "two", "PUT", target, content, lease=lease.token)
    assert httpx.put(busy.url + target, content=content, headers=headers).is_success
    before = state(busy)
    again = httpx.put(busy.url + target, content=content, headers=headers)
    changed = httpx.put(busy.url + target, content=b"CONTENT", headers=headers)
    elsewhere = httpx.put(busy.url + target.replace(digest[-1], "0"), content=content, headers=headers)
    assert (again.status_code, changed.status_code, elsewhere.status_code) == (401, 401, 401)
    assert "nonce" in again.text
    assert [code for _, code in busy.refusals()] == ["unsigned-request"] * 3
    assert state(busy) == before
    assert busy.application.blobs.read(digest) == content


def test_a_stolen_name_with_another_key_is_refused(busy: ServedFarm) -> None:
    worker = busy.worker("two")
    thief = type(worker)(worker.client, Ed25519PrivateKey.generate(), worker.store)
    before = state(busy)
    answer = httpx.post(busy.url + CLAIMS, content=b"{}", headers=headers_for(thief, "two", "POST", CLAIMS, b"{}"))
    assert answer.status_code == 401
    assert busy.refusals() == [("", "unsigned-request")]
    assert state(busy) == before


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/worker/blobs/..%2f..%2fetc%2fpasswd",
        "/api/v1/worker/blobs/sha256:..%2f..%2fetc%2fpasswd",
        "/static/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/static/../../../../etc/passwd",
        "/repository/..%2f..%2fetc%2fpasswd",
        "/api/v1/attempts/..%2f1/log",
    ],
)
def test_a_path_that_leads_out_reaches_no_file(busy: ServedFarm, path: str) -> None:
    before = state(busy)
    host, port = busy.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        # Sent raw: a client would normalize it.
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while part := connection.recv(65536):
            answer += part
    status = int(answer.split(b" ", 2)[1])
    assert status in (400, 401, 403, 404, 422), answer[:200]
    assert b"root:" not in answer
    assert state(busy) == before


def test_a_path_that_leads_out_in_a_submission_writes_nothing(busy: ServedFarm) -> None:
    before = state(busy)
    with busy.client() as client, pytest.raises(RefusedRequestError):
        client.submit({"b": {**recipe("b"), "../../left-its-place": b"x"}})
    assert state(busy) == before
    assert not list(busy.directory.parent.rglob("left-its-place"))


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_the_limit_is_cut_off_with_a_row(database: Database, tmp_path: Path, announced: bool) -> None:
    with served_farm(database, tmp_path, settings=WebSettings(submission_bytes=1000, json_bytes=1000)) as farm:
        headers = {"Authorization": f"Bearer {farm.token()}", "Content-Type": "application/json"}
        before = state(farm)
        for path in (SUBMISSIONS, "/api/v1/jobs/1/cancel"):
            content = b"x" * 5000 if announced else (b"x" * 500 for _ in range(10))
            assert httpx.post(farm.url + path, content=content, headers=headers).status_code == 413
        assert farm.refusals() == [("token:some-maintainer", "body-too-large")] * 2
        assert state(farm) == before


def test_a_body_that_drips_is_cut_off_with_a_row(database: Database, tmp_path: Path) -> None:
    with served_farm(database, tmp_path, settings=WebSettings(body_seconds=0.3)) as farm:
        token = farm.token()
        before = state(farm)
        host, port = farm.url.removeprefix("http://").split(":")
        fields = ("Host: x", f"Authorization: Bearer {token}", "Content-Length: 1000", "", "")
        head = "\r\n".join((f"POST {SUBMISSIONS} HTTP/1.1", *fields))
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(head.encode())
            connection.settimeout(0.05)
            answer = b""
            for _ in range(200):
                try:
                    connection.sendall(b" ")
                    answer = connection.recv(1000)
                    break
                except TimeoutError:
                    continue
                except OSError:
                    break
        assert b" 408 " in answer.split(b"\r\n")[0]
        assert [code for _, code in farm.refusals()] == ["body-too-slow"]
        assert state(farm) == before
        # Others are served meanwhile and afterwards.
        assert httpx.get(f"{farm.url}/api/v1/channels").status_code == 200


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"])
def test_a_form_of_another_site_changes_nothing(busy: ServedFarm, content_type: str) -> None:
    """A browser sends cookies by itself, and there are none; it sends no token, without which nothing changes."""
    before = state(busy)
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Content-Type": content_type}
    for method, path in CHANGES:
        if method == "POST":
            answer = httpx.post(busy.url + path, content=b'{"recipes":{}}', headers=headers)
            assert answer.status_code == 401
            assert "access-control-allow-origin" not in answer.headers
            assert "set-cookie" not in answer.headers
    asked = httpx.options(busy.url + SUBMISSIONS, headers={**headers, "Access-Control-Request-Method": "POST"})
    assert "access-control-allow-origin" not in asked.headers
    assert {code for _, code in busy.refusals()} == {"unauthenticated"}
    assert state(busy) == before
