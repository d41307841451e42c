"""Downloads a source over HTTP for an untrusted recipe: within limits, and only from public addresses.

It uses no proxy of the environment (the connected address would then be the proxy's) and sends no credentials.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import httpcore

from farm.errors import FarmError
from farm.store.http.address_guard import AddressGuard, ForbiddenAddressError, GuardedBackend, NoSuchHostError

if TYPE_CHECKING:
    from collections.abc import Callable

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ASK_LATER = frozenset({408, 425, 429})
_HEADERS = [("User-Agent", "farm"), ("Accept", "*/*"), ("Accept-Encoding", "identity")]


class OriginFailedError(FarmError):
    """One origin did not yield the bytes; the message is the reason. Others may still be tried.

    `unanswered`: the origin may have the bytes, so a later attempt may succeed.
    """

    code = "origin-failed"

    def __init__(self, message: str, *, unanswered: bool = False) -> None:
        super().__init__(message)
        self.unanswered = unanswered


@dataclass(frozen=True, slots=True)
class DownloadPolicy:
    """The limits of a download. `seconds` limits all of it, `connect_seconds` and `read_seconds` each step."""

    guard: AddressGuard = field(default_factory=AddressGuard)
    max_bytes: int = 1 << 30
    seconds: float = 900.0
    connect_seconds: float = 5.0
    read_seconds: float = 30.0
    redirects: int = 5


def check_url(url: str) -> None:
    """Refuse anything but a plain http(s) URL without credentials; raises `ForbiddenAddressError`. Resolves nothing."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ForbiddenAddressError(url[:200], str(error)) from error
    if parts.username is not None or parts.password is not None:
        shown = f"{parts.scheme}://…@{host}{parts.path}"
        raise ForbiddenAddressError(shown[:200], "it has credentials in it")
    if parts.scheme not in ("http", "https"):
        raise ForbiddenAddressError(url[:200], f"only http and https are fetched, not {parts.scheme or 'a path'}:")
    if not host or port == 0 or not url.isascii() or any(character <= " " for character in url):
        raise ForbiddenAddressError(url[:200], "it is not a well-formed URL")


class Downloader:
    """Fetches URLs by GET, for one attempt at a build.

    Remembers hosts that could not be connected to, so that each costs its time-out once.
    """

    def __init__(self, policy: DownloadPolicy) -> None:
        self.policy = policy
        self._unreachable: dict[str, OriginFailedError] = {}

    def download(self, url: str, take: Callable[[bytes], object]) -> None:
        """Pass the body of `url` to `take`, in pieces, following redirects.

        Raises `OriginFailedError`, `ForbiddenAddressError`.
        """
        deadline = time.monotonic() + self.policy.seconds
        backend = GuardedBackend(self.policy.guard, lambda: self._remaining(deadline))
        with httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(), network_backend=backend, max_connections=1
        ) as pool:
            for _ in range(self.policy.redirects + 1):
                check_url(url)
                location = self._get(pool, url, take)
                if not location:
                    return
                url = urljoin(url, location)
        raise OriginFailedError(f"more than {self.policy.redirects} redirects, the last one to {url[:200]}")

    def _get(self, pool: httpcore.ConnectionPool, url: str, take: Callable[[bytes], object]) -> str:
        """Pass on the body of one response, or return the address that it redirects to."""
        host = urlsplit(url).netloc
        if host in self._unreachable:
            known = self._unreachable[host]
            raise OriginFailedError(f"{known.message} (it was tried just before)", unanswered=known.unanswered)
        timeouts = {
            "connect": self.policy.connect_seconds,
            "read": self.policy.read_seconds,
            "write": self.policy.read_seconds,
            "pool": self.policy.connect_seconds,
        }
        try:
            with pool.stream("GET", url, headers=_HEADERS, extensions={"timeout": timeouts}) as response:
                headers = {name.lower(): value for name, value in response.headers}
                if response.status in _REDIRECTS and b"location" in headers:
                    return headers[b"location"].decode("ascii", "replace")
                self._check_headers(response.status, headers)
                self._copy(response, take)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            reason = f"{host} cannot be reached: {error or type(error).__name__}"
            failed = OriginFailedError(reason, unanswered=not isinstance(error, NoSuchHostError))
            self._unreachable[host] = failed
            raise failed from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            raise OriginFailedError(f"{host} broke off: {error or type(error).__name__}", unanswered=True) from error
        return ""

    def _remaining(self, deadline: float) -> float:
        left = deadline - time.monotonic()
        if left <= 0:
            raise OriginFailedError(f"not complete after {self.policy.seconds:g} s", unanswered=True)
        return left

    def _check_headers(self, status: int, headers: dict[bytes, bytes]) -> None:
        if status != 200:
            unanswered = status in _ASK_LATER or status >= 500  # by the meaning of these codes in HTTP
            raise OriginFailedError(f"the server answered with HTTP status {status}", unanswered=unanswered)
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise OriginFailedError("the server encoded the content although it was asked not to")
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self.policy.max_bytes:
            raise OriginFailedError(f"{int(length)} bytes announced, more than the limit of {self.policy.max_bytes}")

    def _copy(self, response: httpcore.Response, take: Callable[[bytes], object]) -> None:
        size = 0
        for chunk in response.iter_stream():
            size += len(chunk)
            if size > self.policy.max_bytes:
                raise OriginFailedError(f"more bytes than the limit of {self.policy.max_bytes}")
            take(chunk)
