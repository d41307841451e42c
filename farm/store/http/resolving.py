"""Resolving the name of a host within a time: the resolver of the C library knows no end.

Loading this loads no more than it needs: it is on the way to every start of a container.
"""

from __future__ import annotations

import socket
import threading


def addresses_of(host: str, port: int, seconds: float) -> list[str]:
    """Return the addresses of a host, in the order in which they are to be tried.

    Raises `TimeoutError`, and `OSError` or `UnicodeError` where there is no such host.
    """
    found: list[list[str] | OSError | UnicodeError] = []

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
        raise TimeoutError(f"nobody has said where {host} is")
    (answer,) = found
    if isinstance(answer, list):
        return answer
    raise answer
