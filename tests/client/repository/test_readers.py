"""Reading over HTTP from servers that are slow on purpose, and from normal ones."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from farm.client.repository.readers import HttpReader, InvalidAddressError, open_reader
from farm.store.http.time_limits import TooSlowError, TransferLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"


@contextmanager
def host(serve: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """A server on the loopback that answers each connection by `serve`, until it is stopped."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)

        def accept() -> None:
            while not stop.is_set():
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.recv(65536)
                    try:
                        serve(connection, stop)
                    except OSError:
                        continue

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()


def trickle(content: bytes) -> Callable[[socket.socket, threading.Event], None]:
    def serve(connection: socket.socket, stop: threading.Event) -> None:
        for byte in content:
            connection.sendall(bytes([byte]))
            if stop.wait(0.01):
                return

    return serve


LIMITS = TransferLimits(grace_seconds=0.3, bytes_per_second=100_000, longest_seconds=60)


@pytest.mark.parametrize("content", [HEAD + b"x" * 1000, HEAD], ids=["body", "headers"])
def test_a_trickle_is_cut_off_wherever_it_begins(content: bytes) -> None:
    with host(trickle(content)) as url, pytest.raises(TooSlowError, match=r"too slow: .* bytes a second are the least"):
        list(HttpReader(url, LIMITS).stream("metadata/timestamp.json"))


def test_a_host_that_is_slow_and_steady_is_cut_off_at_the_end_of_all_patience() -> None:
    limits = TransferLimits(grace_seconds=60, bytes_per_second=1, longest_seconds=0.3)
    with host(trickle(HEAD + b"x" * 1000)) as url, pytest.raises(TooSlowError):
        list(HttpReader(url, limits).stream("blobs/x"))


def test_what_comes_fast_enough_arrives_whole() -> None:
    def serve(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(HEAD + b"x" * 100_000)

    with host(serve) as url:
        assert b"".join(HttpReader(url, LIMITS).stream("blobs/x")) == b"x" * 100_000


def test_a_file_that_is_not_there_is_told_apart_from_trouble() -> None:
    def missing(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    def broken(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")

    with host(missing) as url, pytest.raises(FileNotFoundError):
        list(HttpReader(url).stream("x"))
    with host(broken) as url, pytest.raises(OSError, match="status 502"):
        list(HttpReader(url).stream("x"))


def test_a_redirect_is_named_and_not_followed() -> None:
    def elsewhere(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\n\r\n")

    with (
        host(elsewhere) as url,
        pytest.raises(OSError, match=r"redirects to http://127\.0\.0\.1:1/x, and"),
    ):
        list(HttpReader(url).stream("x"))


def test_a_name_and_password_in_the_address_are_shown_to_the_host_and_to_nobody_else() -> None:
    seen: list[bytes] = []

    def serve(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                seen.append(connection.recv(65536))
                serve(connection, threading.Event())

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(OSError, match="status 500") as caught:
            list(HttpReader(f"http://ann:s3cret@127.0.0.1:{port}/repo").stream("x"))
        thread.join()
    assert b"GET /repo/x HTTP/1.1" in seen[0]
    assert b"Basic YW5uOnMzY3JldA==" in seen[0]
    assert "s3cret" not in str(caught.value)


def test_an_address_that_is_none_is_refused(tmp_path: Path) -> None:
    for address in ("ftp://x", str(tmp_path / "nowhere"), "http://[::1"):
        with pytest.raises(InvalidAddressError):
            open_reader(address)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"206 Partial Content\r\nContent-Range: bytes 7-9/10", "another part of the file than was asked for"),
        (b"206 Partial Content\r\nX: y", "does not say which"),
        (b"206 Partial Content\r\nContent-Range: lines 4-9/10", "does not say which"),
    ],
)
def test_a_part_that_was_not_asked_for_is_not_taken(answer: bytes, words: str) -> None:
    def serve(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 " + answer + b"\r\nContent-Length: 3\r\n\r\n789")

    with host(serve) as url, pytest.raises(OSError, match=words):
        list(HttpReader(url).stream("blobs/x", 4))


def test_of_a_part_that_begins_earlier_the_rest_is_taken_and_beyond_the_end_is_nothing() -> None:
    def earlier(connection: socket.socket, stop: threading.Event) -> None:
        head = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-9/*\r\nContent-Length: 8\r\n\r\n"
        connection.sendall(head + b"23456789")

    def beyond(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 2\r\n\r\nno")

    with host(earlier) as url:
        assert b"".join(HttpReader(url).stream("blobs/x", 4)) == b"456789"
    with host(beyond) as url:
        assert list(HttpReader(url).stream("blobs/x", 4)) == []
        with pytest.raises(OSError, match="status 416"):
            list(HttpReader(url).stream("blobs/x"))
