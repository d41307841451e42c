"""Sends a body to an address that a user has named: only to public addresses, within limits, following no redirect.

It uses no proxy of the environment, and reads nothing of the answer but its head.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpcore

from farm.errors import FarmError
from farm.store.http.address_guard import AddressGuard, GuardedBackend
from farm.store.http.authorities import trusted_authorities
from farm.store.http.download import check_url

if TYPE_CHECKING:
    from collections.abc import Mapping

_USER_AGENT = {"User-Agent": "farm", "Accept": "*/*", "Connection": "close"}


class PostFailedError(FarmError):
    """There is no answer; the message is the reason. The receiver may have the body nevertheless."""

    code = "post-failed"


@dataclass(frozen=True, slots=True)
class PostPolicy:
    """The limits of a request: `seconds` for all of it, and which addresses may be connected to."""

    guard: AddressGuard = field(default_factory=AddressGuard)
    seconds: float = 10.0


def post(url: str, body: bytes, headers: Mapping[str, str], policy: PostPolicy) -> int:
    """Send a body, and return the status of the answer. Raises `PostFailedError`, `ForbiddenAddressError`."""
    check_url(url)
    host = urlsplit(url).netloc
    deadline = time.monotonic() + policy.seconds

    def remaining() -> float:
        left = deadline - time.monotonic()
        if left <= 0:
            raise PostFailedError(f"{host} did not answer within {policy.seconds:g} s")
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
            pool.stream("POST", url, headers=sent, content=body, extensions={"timeout": timeouts}) as response,
        ):
            return response.status
    except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
        raise PostFailedError(f"{host} cannot be reached: {error or type(error).__name__}") from error
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
        raise PostFailedError(f"{host} broke off: {error or type(error).__name__}") from error
