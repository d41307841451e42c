"""The sockets of httpcore, behind an `AddressGuard` and a deadline for all of them."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import httpcore

from farm.store.http.address_guard import ForbiddenAddressError
from farm.store.http.deadline_stream import DeadlineStream
from farm.store.http.resolving import addresses_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from farm.store.http.address_guard import AddressGuard


class NoSuchHostError(httpcore.ConnectError):
    """The resolver reports that there is no such host; this is not a network failure."""


class GuardedBackend(httpcore.NetworkBackend):
    """httpcore's sockets behind an `AddressGuard`. A name is resolved here, once, and that address is connected to.

    Without a guard, every address may be connected to. `remaining` returns how many seconds are left for all
    connections together, and raises when none are.
    """

    def __init__(self, guard: AddressGuard | None, remaining: Callable[[], float]) -> None:
        self._guard = guard
        self._remaining = remaining
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of `host` that answers; raises `ForbiddenAddressError` if any is forbidden."""
        # A worker that has to try a second name server still gets its sources: the attempt has a limit of its own.
        addresses = _resolved(host, port, self._within(None if self._guard else timeout))
        for address in addresses:
            self._check(host, address)
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                stream = self._backend.connect_tcp(address, port, self._within(timeout), local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            if self._guard:
                try:
                    self._check(host, stream.get_extra_info("server_addr")[0])
                except BaseException:
                    stream.close()
                    raise
            return DeadlineStream(stream, self._remaining)
        self._remaining()  # the deadline is the better explanation, where it passed
        raise failure

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Refuse: no source is behind a Unix socket."""
        raise ForbiddenAddressError(path, "it is a socket of this machine")

    def _check(self, host: str, address: str) -> None:
        if self._guard and (violation := self._guard.violation(address)):
            raise ForbiddenAddressError(host, violation, setting=self._guard.setting)

    def _within(self, timeout: float | None) -> float:
        remaining = self._remaining()
        return remaining if timeout is None else min(timeout, remaining)


def _resolved(host: str, port: int, seconds: float) -> list[str]:
    try:
        return addresses_of(host, port, seconds)
    except TimeoutError as error:
        raise httpcore.ConnectTimeout(str(error)) from error
    except (OSError, UnicodeError) as error:
        known = isinstance(error, UnicodeError) or getattr(error, "errno", None) == socket.EAI_NONAME
        failure = NoSuchHostError if known else httpcore.ConnectError
        raise failure(f"{host} cannot be resolved: {error}") from error
