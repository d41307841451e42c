"""Connections within their limits, with real sockets and an application that only answers."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from tests.farms.served import serving
from web.connections import bounded_protocol
from web.settings import WebSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
_SETTINGS = WebSettings(head_seconds=0.5, stalled_seconds=0.5, connections=6, connections_each=4)


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers a GET briefly, and a POST without reading its body; answers `/endless` with 400 MB.

    Answers `/stuffed` with just enough that no more fits into the buffers to a client that reads nothing.
    """
    if scope["type"] == "lifespan":
        return
    start = {"type": "http.response.start", "status": 200}
    if scope["path"] == "/endless":
        await send(start)
        for _ in range(400):
            await send({"type": "http.response.body", "body": b"x" * (1 << 20), "more_body": True})
            await asyncio.sleep(0)
        return
    if scope["path"] == "/stuffed":
        await send(start)
        while not send.__self__.transport.get_write_buffer_size():
            await send({"type": "http.response.body", "body": b"x" * 1024, "more_body": True})
        await send({"type": "http.response.body"})
        return
    await send({**start, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "192.0.2.1")
    with serving(app, _SETTINGS) as url:
        yield int(url.rpartition(":")[2])


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def until_the_end(connection: socket.socket) -> bytes:
    answer = b""
    try:
        while piece := connection.recv(65536):
            answer += piece
    except ConnectionError:
        pass
    return answer


def is_answered(connection: socket.socket) -> bool:
    answer = b""
    while not answer.endswith(b"ok"):
        piece = connection.recv(1000)
        if not piece:
            return False
        answer += piece
    return answer.startswith(b"HTTP/1.1 200")


def is_let_in(port: int) -> bool:
    with connected(port) as connection:
        try:
            connection.sendall(HEAD)
            return is_answered(connection)
        except ConnectionError:  # refused before the request
            return False


def test_a_head_that_drips_is_ended_on_the_first_request_and_on_a_later_one(port: int) -> None:
    for before in (b"", HEAD):
        with connected(port) as connection:
            connection.sendall(before)
            if before:
                assert is_answered(connection)
            connection.settimeout(0.05)
            answer = b""
            for letter in HEAD[:-4].ljust(400, b"x"):
                try:
                    connection.sendall(bytes([letter]))
                    answer = connection.recv(1000)
                    break
                except TimeoutError:
                    continue
            assert answer.startswith(b"HTTP/1.1 408")


def test_a_client_that_is_idle_between_requests_may_go_on(port: int) -> None:
    with connected(port) as connection:
        for _ in range(3):
            connection.sendall(HEAD)
            assert is_answered(connection)
            time.sleep(2 * _SETTINGS.head_seconds)


def test_a_body_that_nobody_reads_may_not_drip_for_ever(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nx")
        assert is_answered(connection)
        ended = False
        for _ in range(200):
            try:
                connection.sendall(b"x")
                connection.settimeout(0.05)
                ended = connection.recv(1000) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                ended = True
            if ended:
                break
        assert ended


def test_a_client_that_reads_nothing_is_cut_off_and_a_slow_one_is_not(port: int) -> None:
    with connected(port) as stalled, connected(port) as slow:
        for connection in (stalled, slow):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            connection.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(20):
            assert slow.recv(16 << 10)
            time.sleep(0.1)
        slow.shutdown(socket.SHUT_RDWR)
        assert len(until_the_end(stalled)) < 400 << 20


def test_who_does_not_read_the_end_of_an_answer_is_cut_off_too(port: int) -> None:
    with ExitStack() as stack:
        for _ in range(_SETTINGS.connections_each):
            stack.enter_context(connected(port)).sendall(HEAD.replace(b"/", b"/stuffed", 1))
        with connected(port) as one_more:
            assert until_the_end(one_more).startswith(b"HTTP/1.1 503")
        for _ in range(100):  # longer than uvicorn waits before it closes an idle connection
            time.sleep(0.1)
            if is_let_in(port):
                return
        raise AssertionError("their places were not given back")


def test_one_address_has_only_so_many_connections(port: int) -> None:
    with ExitStack() as stack:
        taken = []
        for _ in range(_SETTINGS.connections_each):
            taken.append(stack.enter_context(connected(port)))
            taken[-1].sendall(HEAD)
            assert is_answered(taken[-1])
        with connected(port) as one_more:
            assert until_the_end(one_more).startswith(b"HTTP/1.1 503")
        taken[0].close()
        for _ in range(100):
            if is_let_in(port):
                return
        raise AssertionError("the place was not given back")


class _Peer(asyncio.Transport):
    """The other end of a connection, by address alone: a host has no second network to test from."""

    def __init__(self, address: str) -> None:
        super().__init__({"peername": (address, 1000, 0, 0), "sockname": ("::1", 80, 0, 0)})
        self.refused = False

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self.refused = data.startswith(b"HTTP/1.1 503")

    def close(self) -> None:
        pass


def test_a_network_of_ipv6_is_one_address() -> None:
    async def refusals(*addresses: str) -> list[bool]:
        config, state = uvicorn.Config(app, http=bounded_protocol(_SETTINGS)), ServerState()  # type: ignore[arg-type]
        config.load()
        peers = [_Peer(address) for address in addresses]
        for peer in peers:
            bounded_protocol(_SETTINGS)(config=config, server_state=state, app_state={}).connection_made(peer)
        return [peer.refused for peer in peers]

    one_network = [f"2001:db8::{number}" for number in range(1, 6)]
    assert asyncio.run(refusals(*one_network, "2001:db8:0:1::1")) == [False] * 4 + [True, False]


def test_a_proxy_has_more_connections_but_not_more_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "127.0.0.1")
    with serving(app, _SETTINGS) as url, ExitStack() as stack:
        port = int(url.rpartition(":")[2])
        for _ in range(_SETTINGS.connections):
            connection = stack.enter_context(connected(port))
            connection.sendall(HEAD)
            assert is_answered(connection)
        with connected(port) as one_more:
            answer = until_the_end(one_more)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"Retry-After: 5\r\n" in answer
