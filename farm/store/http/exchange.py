"""One HTTP request to an address that a user has named: only to public addresses, within limits, without redirects.

It uses no proxy of the environment.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpcore

from farm.errors import FarmError
from farm.store.http.address_guard import AddressGuard
from farm.store.http.authorities import trusted_authorities
from farm.store.http.download_policy import check_url
from farm.store.http.guarded_backend import GuardedBackend

if TYPE_CHECKING:
    from collections.abc import Mapping

_USER_AGENT = {"User-Agent": "farm", "Accept": "*/*", "Connection": "close"}


class NoAnswerError(FarmError):
    """There is no answer; the message is the reason. The receiver may have the body nevertheless."""

    code = "no-answer"


@dataclass(frozen=True, slots=True)
class ExchangePolicy:
    """The limits of a request: `seconds` for all of it, and which addresses may be connected to."""

    guard: AddressGuard = field(default_factory=AddressGuard)
    seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The status of an answer, its headers by name in lower case, and its body, as far as it was asked for."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def exchange(
    method: str, url: str, headers: Mapping[str, str], policy: ExchangePolicy, *, body: bytes = b"", most_bytes: int = 0
) -> HttpAnswer:
    """Send a request, and return the answer; without `most_bytes`, nothing is read of it but its head.

    Raises `NoAnswerError`, also for an answer with more bytes, and `ForbiddenAddressError`.
    """
    check_url(url)
    host = urlsplit(url).netloc
    deadline = time.monotonic() + policy.seconds

    def remaining() -> float:
        left = deadline - time.monotonic()
        if left <= 0:
            raise NoAnswerError(f"{host} did not answer within {policy.seconds:g} s")
        return left

    timeouts = dict.fromkeys(("connect", "read", "write", "pool"), policy.seconds)
    sent = [*(_USER_AGENT | dict(headers)).items()]
    try:
        with (
            httpcore.ConnectionPool(
                ssl_context=trusted_authorities(),
                network_backend=GuardedBackend(policy.guard, remaining),
                max_connections=1,
            ) as pool,
            pool.stream(method, url, headers=sent, content=body, extensions={"timeout": timeouts}) as response,
        ):
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            return HttpAnswer(response.status, _read(response, host, most_bytes) if most_bytes else b"", headers)
    except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
        raise NoAnswerError(f"{host} cannot be reached: {error or type(error).__name__}") from error
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
        raise NoAnswerError(f"{host} broke off: {error or type(error).__name__}") from error


def _read(response: httpcore.Response, host: str, most_bytes: int) -> bytes:
    body = bytearray()
    for piece in response.iter_stream():
        body += piece
        if len(body) > most_bytes:
            raise NoAnswerError(f"{host} answered with more than {most_bytes:,} bytes")
    return bytes(body)
