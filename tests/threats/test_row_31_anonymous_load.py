"""Row 31: memory, connections and event streams that cost a stranger nothing. Against the web process itself."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import httpx
import pytest

from farm.api.errors import RefusedRequestError
from farm.api.farm_client import FarmClient
from farm.server.git import repositories
from farm.server.git.repositories import RepositoryRequest
from farm.server.identities import identities
from farm.server.tables.git_rows import Forge, PreviewPermission
from farm.server.tables.states import Role
from tests.farms.small import SmallFarm, recipe
from tests.web.web_process import WebProcess, web_process
from tests.workers.programs import eventually

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

SUBMISSIONS = "/api/v1/submissions"
_MB = 1 << 20
_STREAMS, _STREAMS_EACH = 30, 20


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    with web_process(tmp_path_factory.mktemp("web")) as process:
        yield process


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    """A process with tight limits, so that tests reach them quickly."""
    bounds = {"head_seconds": 2, "submission_bytes": 8 * _MB, "streams": _STREAMS, "streams_each": _STREAMS_EACH}
    with web_process(tmp_path_factory.mktemp("narrow"), **bounds) as process:
        yield process


def at_once(number: int, do: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=do, args=(turn,)) for turn in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def answer_of(connection: socket.socket) -> bytes:
    """Return what arrives until the farm ends the connection; the connection must end."""
    answer = b""
    with suppress(ConnectionError):
        while piece := connection.recv(65536):
            answer += piece
    return answer


@pytest.mark.parametrize("path", [SUBMISSIONS, "/api/v1/worker/claims", "/"])
def test_sixteen_strangers_with_sixty_megabytes_each_cost_next_to_no_memory(farm: WebProcess, path: str) -> None:
    before = farm.memory()
    statuses: set[bytes] = set()

    def send(number: int) -> None:
        announced = number % 2 == 0
        framing = b"Content-Length: %d" % (60 * _MB) if announced else b"Transfer-Encoding: chunked"
        piece = b" " * _MB if announced else b"100000\r\n" + b" " * _MB + b"\r\n"
        with farm.connect() as connection:
            connection.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n" % (path.encode(), framing))
            with suppress(ConnectionError):  # it may be closed at any time
                for _ in range(59):
                    connection.sendall(piece)
            with suppress(ConnectionError):
                statuses.add(connection.recv(1000)[:12])

    at_once(16, send)
    assert farm.most_memory() - before < 50
    assert statuses <= {b"HTTP/1.1 413" if path == "/" else b"HTTP/1.1 401"}
    assert statuses


def test_who_is_refused_before_the_body_still_reads_why(farm: WebProcess) -> None:
    """The answer comes while the client is sending, and must not be lost when the connection ends."""
    # An address of its own: its refusals are recorded, however many others had.
    headers = {"Authorization": "Bearer guessed", "X-Forwarded-For": "198.51.100.8"}
    answer = httpx.post(farm.url + SUBMISSIONS, content=b" " * 30 * _MB, headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["message"]) == (401, "the token is unknown")
    with farm.application.reading() as unit:
        (_, row), *_ = identities.audit_trail(unit.session, limit=1)
    assert (row.action, row.subject, row.allowed) == (f"POST {SUBMISSIONS}", "unauthenticated", False)


def test_who_waits_for_leave_to_send_gets_it_only_with_a_token(farm: WebProcess) -> None:
    for token, first in (("guessed", b"HTTP/1.1 401"), (farm.token(), b"HTTP/1.1 100")):
        with farm.connect() as connection:
            head = f"POST {SUBMISSIONS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            connection.sendall(f"{head}Expect: 100-continue\r\nContent-Length: {_MB}\r\n\r\n".encode())
            assert connection.recv(1000)[:12] == first


def test_webhooks_of_strangers_take_no_room_from_submissions_and_arrive_only_so_many_at_a_time(
    tmp_path: Path,
) -> None:
    with web_process(tmp_path, spool_bytes=4 * _MB, webhooks=2) as farm, ExitStack() as opened:
        asked = RepositoryRequest("main", "https://git.example.org/a/b.git", "main", "", Forge.GITHUB, "", "",
                                  PreviewPermission.MEMBERS, ())  # fmt: skip
        with farm.application.writing() as unit:
            repositories.connect(unit, asked, by="token:admin")
        head = b"POST /api/v1/git/main/webhook HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: %s\r\n" % (b"0" * 64)
        for _ in range(2):
            slow = opened.enter_context(farm.connect())
            slow.sendall(head + b"Content-Length: %d\r\n\r\n" % (3 * _MB) + b" " * _MB)
        headers = {"Authorization": f"Bearer {farm.token()}", "Content-Type": "application/json"}
        answer = httpx.post(farm.url + SUBMISSIONS, content=b" " * 3 * _MB, headers=headers, timeout=30)
        assert answer.status_code == 422, "it is read, and is no submission"

        def refused() -> bool:
            with farm.connect() as connection:
                connection.sendall(head + b"Content-Length: 0\r\n\r\n")
                answer = answer_of(connection)
            assert b'"overloaded"' in answer or b'"forged-webhook"' in answer
            return b'"overloaded"' in answer

        assert refused()
        opened.close()
        eventually(lambda: not refused(), what="their places are free again")


def test_large_bodies_of_known_callers_take_turns(narrow: WebProcess) -> None:
    token = narrow.token()
    recipes = {"recipes": {"a": {"recipe.yaml": b64encode(b"#" * 5 * _MB).decode()}}}
    body = json.dumps(recipes).encode()
    assert 6 * _MB < len(body) < 8 * _MB
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    statuses: list[int] = []

    def send(_: int) -> None:
        answer = httpx.post(narrow.url + SUBMISSIONS, content=body, headers=headers, timeout=120)
        statuses.append(answer.status_code)

    send(0)  # what Python caches is not counted
    before = narrow.memory()
    at_once(16, send)
    assert statuses == [422] * 17  # each was read, and is not a valid recipe
    assert narrow.most_memory() - before < 80  # without turns they take 320


@pytest.mark.parametrize("path", [SUBMISSIONS, "/api/v1/channels/edge/holds"])
@pytest.mark.parametrize("value", [b"[],", b'{"a":1},', b"["])
def test_json_of_many_small_values_of_a_known_caller_costs_next_to_no_memory(
    farm: WebProcess, path: str, value: bytes
) -> None:
    """3 bytes become an object of 70: one body of 60 MB took 1.7 GB, and stopped all pages for 10 s."""
    large, number = (60 * _MB, 1) if path == SUBMISSIONS else (4 * _MB - 10, 16)
    body = b"[" + value * (large // len(value)) + b"[]]"
    headers = {"Authorization": f"Bearer {farm.token(Role.ADMIN)}", "Content-Type": "application/json"}
    statuses: list[int] = []

    def send(_: int) -> None:
        statuses.append(httpx.post(farm.url + path, content=body, headers=headers, timeout=120).status_code)

    before = farm.memory()
    at_once(number, send)
    assert statuses == [413] * number
    assert farm.most_memory() - before < 50


def test_who_has_not_the_role_is_refused_before_the_body_is_asked_for(farm: WebProcess) -> None:
    routes = {SUBMISSIONS: Role.CURATOR, "/api/v1/channels/edge/holds": Role.MAINTAINER, "/api/v1/tokens": Role.CURATOR}
    for path, role in routes.items():
        with farm.connect() as connection:
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {farm.token(role)}\r\n"
            head += "X-Forwarded-For: 198.51.100.7\r\n"  # its refusals are recorded, however many others had
            connection.sendall(f"{head}Expect: 100-continue\r\nContent-Length: {_MB // 8}\r\n\r\n".encode())
            assert connection.recv(1000)[:12] == b"HTTP/1.1 403", path
        with farm.application.reading() as unit:
            (_, row), *_ = identities.audit_trail(unit.session, limit=1)
        assert (row.actor, row.action, row.subject) == (f"token:some-{role}", f"POST {path}", "forbidden")


def test_a_large_tree_of_recipes_is_read_whole(farm: WebProcess) -> None:
    """At the limit: a thousand recipes of ten files, 50 MB in all."""
    patches = {f"{number}.patch": b"+" * 4000 for number in range(9)}
    recipes = {f"large-{number}": recipe(f"large-{number}") | patches for number in range(1000)}
    with FarmClient(farm.url, farm.token()) as client, pytest.raises(RefusedRequestError) as refused:
        client.submit(recipes)
    assert refused.value.message.count("this farm has no toolchain 'c'") == 1000


def test_the_largest_submission_takes_a_few_times_its_size(farm: WebProcess) -> None:
    recipes = {"recipes": {"a": {"recipe.yaml": b64encode(b"#" * 45 * _MB).decode()}}}
    headers = {"Authorization": f"Bearer {farm.token()}"}
    before = farm.memory()
    answer = httpx.post(farm.url + SUBMISSIONS, json=recipes, headers=headers, timeout=120)
    assert answer.status_code == 422  # it was read, and is not a valid recipe
    assert farm.most_memory() - before < 6 * 60


def test_a_hundred_half_sent_requests_are_ended_and_keep_nobody_waiting(narrow: WebProcess) -> None:
    beginnings = (b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n")
    with ExitStack() as stack:
        connections = [stack.enter_context(narrow.connect()) for _ in range(100)]
        for number, connection in enumerate(connections):
            connection.sendall(beginnings[number % len(beginnings)])
        assert httpx.get(narrow.url, timeout=20).status_code == 200
        assert {answer_of(connection)[:12] for connection in connections} == {b"HTTP/1.1 408"}


def test_more_event_streams_than_there_may_be_are_refused(narrow: WebProcess) -> None:
    small = SmallFarm.open(narrow.application.database, narrow.directory, real_time=True)
    small.submit(recipe("a"))
    attempt = small.claim().attempt.id
    path = f"/api/v1/attempts/{attempt}/log/events"

    def opened(address: str) -> tuple[httpx.Response, str]:
        request = client.build_request("GET", path, headers={"X-Forwarded-For": address})
        response = client.send(request, stream=True)
        stack.callback(response.close)
        return response, "" if response.is_success else response.read().decode()

    limits = httpx.Limits(max_connections=None)
    with httpx.Client(base_url=narrow.url, timeout=60, limits=limits) as client, ExitStack() as stack:
        first = [opened("198.51.100.1") for _ in range(100)]
        others = [opened(f"2001:db8:0:{number:x}::1") for number in range(100)]
        assert [response.status_code for response, _ in first] == [200] * _STREAMS_EACH + [429] * (100 - _STREAMS_EACH)
        free = _STREAMS - _STREAMS_EACH
        assert [response.status_code for response, _ in others] == [200] * free + [503] * (100 - free)
        for (response, text), says in ((first[-1], "your address already follows"), (others[-1], "are being followed")):
            assert response.headers["Retry-After"]
            assert says in text
        assert client.get("/").status_code == 200
        first[0][0].close()
        # A place that was given back goes to another client, as soon as the farm notices.
        assert any(opened("198.51.100.1")[0].status_code == 200 for _ in range(200))


@pytest.mark.parametrize(
    "lengths",
    [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length: 4, 5",
        "Content-Length: +4",
        "Transfer-Encoding: chunked, identity",
    ],
)
def test_conflicting_lengths_are_refused_and_no_second_request_is_read(farm: WebProcess, lengths: str) -> None:
    body = "0\r\n\r\nGET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\n"
    with farm.connect() as connection:
        connection.sendall(f"POST /api/v1/submissions HTTP/1.1\r\nHost: x\r\n{lengths}\r\n\r\n{body}".encode())
        answer = answer_of(connection)
    assert answer[:9] == b"HTTP/1.1 "
    assert answer[9:12] in (b"400", b"501")
    assert answer.count(b"HTTP/1.1 ") == 1
