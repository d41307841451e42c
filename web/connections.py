"""Limits of connections, below HTTP: their number, the time for a head, and the consistency of lengths.

uvicorn has none of them (docs/decisions/the-web-server.md); its protocol on h11 is small enough to add them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import h11
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.h11_impl import H11Protocol

from web.refusals import network_of
from web.settings import WebSettings

if TYPE_CHECKING:
    import asyncio

    from uvicorn._types import ASGI3Application

_REFUSED = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n%s\r\n%s"


class _StrictConnection(h11.Connection):
    """Refuses a request with two lengths: a proxy in front of this server may have used the other one.

    RFC 9112, 6.1 allows that, and h11 does not do it. It refuses two different `Content-Length` itself.
    """

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        event = super().next_event()
        if isinstance(event, h11.Request):
            names = {name for name, _ in event.headers}
            if {b"content-length", b"transfer-encoding"} <= names:
                raise h11.RemoteProtocolError("both Content-Length and Transfer-Encoding")
        return event


class BoundedProtocol(H11Protocol):
    """One connection, within the limits of `settings`; see `bounded_protocol`."""

    settings = WebSettings()

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        size = self.config.h11_max_incomplete_event_size
        self.conn = _StrictConnection(h11.SERVER, *([] if size is None else [size]))
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._network = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection, or refuse it above the limit."""
        self._network = network_of(_peer(transport))
        if self._one_too_many(transport):
            self.transport = transport
            self._end(b"503 Service Unavailable", b"too many connections; try again in a moment\n", b"Retry-After: 5")
            return
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove it from the count."""
        for timer in (self._deadline, self._stalled):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take data from the client."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Continue with the next request."""
        super().on_response_complete()
        self._watch()
        self._watch_reading()

    def pause_writing(self) -> None:
        """The client reads more slowly than the server writes: it may, as long as it reads."""
        super().pause_writing()
        self._watch_reading()

    def resume_writing(self) -> None:
        """The client has read most of what was buffered."""
        super().resume_writing()
        self._watch_reading()

    def _one_too_many(self, transport: asyncio.Transport) -> bool:
        if len(self.connections) >= self.settings.connections:
            return True
        app = cast("ASGI3Application", self.config.loaded_app)
        if isinstance(app, ProxyHeadersMiddleware) and _peer(transport) in app.trusted_hosts:
            return False  # a proxy has many clients, and limits their connections itself
        others = cast("set[BoundedProtocol]", self.connections)
        same = sum(1 for other in others if other._network == self._network)
        return same >= self.settings.connections_each

    def _watch(self) -> None:
        """Make sure that a deadline runs while the client has to send something: a head, or the rest of an unread body.

        Single bytes do not reset it. Between two requests uvicorn's own timeout for idle connections runs.
        """
        theirs, ours = self.conn.their_state, self.conn.our_state
        unread = theirs is h11.SEND_BODY and ours in (h11.DONE, h11.MUST_CLOSE)
        owes = (theirs is h11.IDLE and self.timeout_keep_alive_task is None) or unread
        if owes and self._deadline is None:
            self._deadline = self.loop.call_later(self.settings.head_seconds, self._too_late)
        elif not owes and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        if self.transport.is_closing():
            return
        if self.conn.our_state is h11.IDLE:
            self._end(b"408 Request Timeout", b"the head of the request did not arrive in time\n")
        else:
            self.transport.close()
        self._watch_reading()

    def _end(self, status: bytes, text: bytes, header: bytes = b"") -> None:
        line = header + b"\r\n" if header else b""
        self.transport.write(_REFUSED % (status, len(text), line, text))
        self.transport.close()

    def _watch_reading(self) -> None:
        """Make sure that a timer runs while data is unsent and only the client can make progress.

        Also after the answer is complete: a connection that is closed lasts until all of it is sent.
        """
        if not (self.transport.get_write_buffer_size() and self._waits_for_reader()):
            if self._stalled is not None:
                self._stalled.cancel()
                self._stalled = None
        elif self._stalled is None:
            unsent = self.transport.get_write_buffer_size()
            self._stalled = self.loop.call_later(self.settings.stalled_seconds, self._check_reading, unsent)

    def _waits_for_reader(self) -> bool:
        ended = self.cycle is not None and self.cycle.response_complete
        return self.flow.write_paused or ended or self.transport.is_closing()

    def _check_reading(self, before: int) -> None:
        self._stalled = None
        if self.transport.get_write_buffer_size() >= before and self._waits_for_reader():
            self.transport.abort()
        else:
            self._watch_reading()


def bounded_protocol(settings: WebSettings) -> type[BoundedProtocol]:
    """Return the protocol for uvicorn's `http`, which creates one object of it for each connection."""
    return type("BoundedProtocol", (BoundedProtocol,), {"settings": settings})


def _peer(transport: asyncio.Transport) -> str:
    name = transport.get_extra_info("peername")
    return str(name[0]) if name else ""
