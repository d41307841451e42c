"""Downloads a source over HTTP for an untrusted recipe: within limits, and only from public addresses.

It uses no proxy of the environment (the connected address would then be the proxy's) and sends no credentials.
"""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import httpcore

from farm.store.http.download_policy import OriginFailedError, check_url
from farm.store.http.guarded_backend import GuardedBackend, NoSuchHostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.store.http.download_policy import DownloadPolicy

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ASK_LATER = frozenset({408, 425, 429})
_HEADERS = [("User-Agent", "farm"), ("Accept", "*/*"), ("Accept-Encoding", "identity")]


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
