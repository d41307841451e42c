from __future__ import annotations

import io
import socket
from typing import TYPE_CHECKING

import pytest

from farm.store.http.address_guard import AddressGuard, ForbiddenAddressError
from farm.store.http.download import Downloader
from farm.store.http.download_policy import DownloadPolicy, OriginFailedError, check_url
from tests.store.http.source_server import SourceServer, source_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import BaseHTTPRequestHandler

HERE = AddressGuard.of(["127.0.0.0/8"])


@pytest.fixture
def server() -> Iterator[SourceServer]:
    with source_server() as running:
        yield running


def download(url: str, policy: DownloadPolicy) -> bytes:
    sink = io.BytesIO()
    Downloader(policy).download(url, sink.write)
    return sink.getvalue()


def test_a_body_arrives_as_it_was_sent(server: SourceServer) -> None:
    body = bytes(range(256)) * 1000
    assert download(server.serve("/a.tar.gz", body), DownloadPolicy(HERE)) == body


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///etc/passwd", "only http and https"),
        ("ftp://example.org/a", "only http and https"),
        ("/etc/passwd", "only http and https"),
        ("http://user:secret@example.org/a", "credentials"),
        ("http://user@example.org/a", "credentials"),
        ("http:///a", "well-formed"),
        ("http://example.org:0/a", "well-formed"),
        ("http://example.org:99999/a", "[Pp]ort"),
        ("http://example.org/a b", "well-formed"),
        ("http://[::1/a", "IPv6"),
    ],
)
def test_threat_13_a_url_of_another_kind_is_refused(url: str, why: str) -> None:
    with pytest.raises(ForbiddenAddressError, match=why) as caught:
        check_url(url)
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]"])
def test_threat_13_this_machine_is_refused_before_connecting(server: SourceServer, host: str) -> None:
    server.serve("/secret", b"secret")
    with pytest.raises(ForbiddenAddressError):
        download(server.url("/secret", host), DownloadPolicy())
    assert server.connections == 0


def test_threat_13_a_redirect_to_a_forbidden_address_is_refused(server: SourceServer) -> None:
    guard = AddressGuard.of(["127.0.0.1/32"])
    url = server.redirect("/a", f"http://127.0.0.2:{server.port}/secret")
    with pytest.raises(ForbiddenAddressError, match=r"127\.0\.0\.2"):
        download(url, DownloadPolicy(guard))
    assert server.requests == ["/a"]


@pytest.mark.parametrize("target", ["file:///etc/passwd", "http://me:word@127.0.0.1/"])
def test_threat_13_a_redirect_to_another_kind_of_url_is_refused(server: SourceServer, target: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        download(server.redirect("/a", target), DownloadPolicy(HERE))


def test_redirects_are_followed_and_counted(server: SourceServer) -> None:
    server.serve("/end", b"body")
    server.redirect("/middle", "end")
    assert download(server.redirect("/start", "/middle"), DownloadPolicy(HERE)) == b"body"
    with pytest.raises(OriginFailedError, match="more than 5 redirects"):
        download(server.redirect("/round", "/round"), DownloadPolicy(HERE))


def test_a_status_other_than_200_is_named(server: SourceServer) -> None:
    with pytest.raises(OriginFailedError, match="HTTP status 404"):
        download(server.url("/nothing"), DownloadPolicy(HERE))


def test_an_announced_size_over_the_limit_is_refused_at_once(server: SourceServer) -> None:
    with pytest.raises(OriginFailedError, match="1000 bytes announced"):
        download(server.serve("/a", b"x" * 1000), DownloadPolicy(HERE, max_bytes=999))


def test_an_endless_body_ends_at_the_limit(server: SourceServer) -> None:
    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            while True:
                request.wfile.write(b"0" * 65536)
        except OSError:
            request.close_connection = True

    server.behaviours["/endless"] = endless
    with pytest.raises(OriginFailedError, match="more bytes than the limit"):
        download(server.url("/endless"), DownloadPolicy(HERE, max_bytes=1 << 20))


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_trickle_ends_with_the_time_limit(server: SourceServer, part: str) -> None:
    def trickle(request: BaseHTTPRequestHandler) -> None:
        if part == "body":
            request.send_response(200)
            request.end_headers()
        else:
            request.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        try:
            for _ in range(200):
                request.wfile.write(b"0")
                request.wfile.flush()
                request.connection.settimeout(0.05)
                try:
                    request.connection.recv(1)
                except TimeoutError:
                    continue
        except OSError:
            pass
        request.close_connection = True

    server.behaviours["/slow"] = trickle
    with pytest.raises(OriginFailedError, match=r"not complete after 0\.3 s"):
        download(server.url("/slow"), DownloadPolicy(HERE, seconds=0.3, read_seconds=5))


def test_a_silent_server_ends_with_the_read_limit(server: SourceServer) -> None:
    server.behaviours["/mute"] = lambda request: request.connection.recv(1) and None
    with pytest.raises(OriginFailedError, match="broke off"):
        download(server.url("/mute"), DownloadPolicy(HERE, read_seconds=0.2))


def test_a_host_that_cannot_be_reached_is_tried_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/a"
        downloader = Downloader(DownloadPolicy(HERE))
        with pytest.raises(OriginFailedError, match=r"cannot be reached: .*refused$"):
            downloader.download(url, io.BytesIO().write)
        with pytest.raises(OriginFailedError, match=r"refused \(it was tried just before\)") as again:
            downloader.download(url, io.BytesIO().write)
        assert again.value.unanswered
