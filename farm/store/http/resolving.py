"""Resolving a host name within a time limit: the C library's resolver has none.

The module imports as little as possible: every start of a container loads it.
"""

from __future__ import annotations

import socket
import threading


def addresses_of(host: str, port: int, seconds: float) -> list[str]:
    """Return the addresses of a host, in the order in which they should be tried.

    Raises `TimeoutError`, and `OSError` or `UnicodeError` where there is no such host.
    """
    found: list[list[str] | OSError | UnicodeError] = []

    def resolve() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.append(list(dict.fromkeys(str(answer[4][0]) for answer in answers)))
        except (OSError, UnicodeError) as error:
            found.append(error)

    # The thread cannot be stopped, so it must not keep the process from ending.
    thread = threading.Thread(target=resolve, daemon=True)
    thread.start()
    thread.join(seconds)
    if not found:
        raise TimeoutError(f"looking up {host} took too long")
    (answer,) = found
    if isinstance(answer, list):
        return answer
    raise answer
