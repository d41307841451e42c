"""The freshness check: does a repository still show what was verified? It compares two small files and trusts nothing.

This module speaks minimal HTTP. A server that needs more, or a proxy, is asked again by the complete client
(`farm.client.repository.readers`), which also reports what is wrong.

The module imports as little as possible: every start of a container loads it.
"""

from __future__ import annotations

import os
import socket
import time

from farm.store.http.resolving import addresses_of
from farm.trust.verification.last_verified import read_last_verified

TYPE_CHECKING = False  # as of `typing`, which takes long to load
if TYPE_CHECKING:
    from farm.trust.verification.last_verified import LastVerified

_SECONDS = 3.0
"""The time limit for the whole check."""
_MORE = 64 * 1024
"""Bytes that an answer may have beyond the file: its headers, or the body of a "not found" answer."""
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def unchanged_state(metadata: str, channel: str, address: str) -> LastVerified | None:
    """Return the last verified state of a channel if the repository still shows it; None also where that is unknown.

    `metadata` is the directory of the channel's metadata. A success is recorded as the time when the channel was last
    seen.
    """
    look = read_last_verified(metadata, channel)
    if look is None or not look.holds(time.time()) or not _shows_the_same(address, look):
        return None
    try:
        os.utime(f"{metadata}/seen/{channel}.json")
    except OSError:
        return None
    return look


def _shows_the_same(address: str, look: LastVerified) -> bool:
    """Return whether the repository at an address has the timestamp of this state, and no newer root."""
    names = (f"metadata/{look.root + 1}.root.json", "metadata/timestamp.json")
    timestamp = look.timestamp.encode()
    try:
        if address.startswith("/"):
            newer, shown = (_content(os.path.join(address, name), len(timestamp)) for name in names)
        else:
            newer, shown = (_found(answer) for answer in _answers(address, names, len(timestamp) + _MORE))
    except (OSError, ValueError, IndexError):
        return False
    return newer is None and shown == timestamp


def status_of(path: str, asked: str) -> bytes:
    """Return the status with which a service on a Unix socket answers. Raises `OSError`, `IndexError`."""
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(_SECONDS)
        stream.connect(path)
        stream.sendall(f"GET {asked} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        return stream.recv(_MORE).split(None, 2)[1]


def _content(path: str, size: int) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read(size + 1)
    except FileNotFoundError:
        return None


def _found(answer: tuple[bytes, bytes]) -> bytes | None:
    """Return the body of an answer, None where there is no such file. Raises `ValueError` for any other status."""
    status, body = answer
    if status in (b"403", b"404"):
        return None
    if status != b"200":
        raise ValueError(status)
    return body


def _answers(address: str, paths: tuple[str, ...], limit: int) -> list[tuple[bytes, bytes]]:
    """Request several files at the same time; return the status and the body of each answer.

    Raises `OSError`, `ValueError`.
    """
    scheme, _, rest = address.rstrip("/").partition("://")
    host, slash, folder = rest.partition("/")
    if (
        scheme not in ("http", "https")
        or "@" in host
        or not address.isascii()
        or " " in address
        or any(os.environ.get(name) for proxy in _PROXIES for name in (proxy, proxy.upper()))
    ):
        raise ValueError(address)
    ends = time.monotonic() + _SECONDS
    streams = []
    try:
        for path in paths:
            streams.append(_connected(scheme, host, ends))
            words = f"GET {slash}{folder}/{path} HTTP/1.0\r\nHost: {host}\r\nAccept-Encoding: identity\r\n\r\n"
            streams[-1].sendall(words.encode())
        return [_read(stream, ends, limit) for stream in streams]
    finally:
        for stream in streams:
            stream.close()


def _connected(scheme: str, host: str, ends: float) -> socket.socket:
    name, colon, port = host.rpartition(":")
    if not colon or port.endswith("]"):
        name, port = host, "443" if scheme == "https" else "80"
    name = name.strip("[]")
    address = addresses_of(name, int(port), _remaining(ends))[0]
    stream = socket.create_connection((address, int(port)), timeout=_remaining(ends))
    if scheme == "http":
        return stream
    from farm.store.http.authorities import trusted_authorities

    try:
        return trusted_authorities().wrap_socket(stream, server_hostname=name)
    except BaseException:
        stream.close()
        raise


def _read(stream: socket.socket, ends: float, limit: int) -> tuple[bytes, bytes]:
    answer = bytearray()
    while len(answer) <= limit:
        stream.settimeout(_remaining(ends))
        part = stream.recv(_MORE)
        if not part:
            break
        answer += part
    head, _, body = bytes(answer).partition(b"\r\n\r\n")
    return head.split(None, 2)[1], body


def _remaining(ends: float) -> float:
    remaining = ends - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    return remaining
