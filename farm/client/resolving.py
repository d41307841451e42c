"""Resolving the name of a host within a time: the resolver of the C library knows no end."""

from __future__ import annotations

import socket
import threading

import httpcore


def addresses_of(host: str, port: int, seconds: float) -> list[str]:
    """Return the addresses of a host, in the order in which they are to be tried.

    Raises `httpcore.ConnectError`, `httpcore.ConnectTimeout`.
    """
    found: list[list[str] | Exception] = []

    def resolve() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.append(list(dict.fromkeys(str(answer[4][0]) for answer in answers)))
        except (OSError, UnicodeError) as error:
            found.append(error)

    # Nothing ends it, so it must not keep the process from ending.
    thread = threading.Thread(target=resolve, daemon=True)
    thread.start()
    thread.join(seconds)
    if not found:
        raise httpcore.ConnectTimeout(f"nobody has said where {host} is")
    if isinstance(found[0], Exception):
        raise httpcore.ConnectError(str(found[0])) from found[0]
    return found[0]
