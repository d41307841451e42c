"""A DNS server on the loopback, for UDP: it answers with the given TXT and A records, and records the questions."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

if TYPE_CHECKING:
    from collections.abc import Iterator

_POLL_SECONDS = 0.02


class NameServer:
    """`texts` are the strings of TXT records by name; `rcode` is the error to answer with; `silent`: no answer.

    `addresses` are the answers to the questions for A records of a name: one after the other, then the last one.
    """

    def __init__(self, port: int = 0) -> None:
        self.texts: dict[str, list[str | bytes]] = {}
        self.addresses: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []
        self.rcode = dns.rcode.NOERROR
        self.silent = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", port))
        self._socket.settimeout(_POLL_SECONDS)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    @contextmanager
    def running(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._serve, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            self._socket.close()

    def _serve(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                content, client = self._socket.recvfrom(65536)
            except TimeoutError:
                continue
            if not self.silent:
                self._socket.sendto(self._answer(dns.message.from_wire(content)).to_wire(), client)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True)
        self.asked.append(name)
        texts, addresses = self.texts.get(name), self.addresses.get(name)
        if self.rcode:
            response.set_rcode(self.rcode)
        elif addresses:
            if question.rdtype == dns.rdatatype.A:
                now = addresses.pop(0) if len(addresses) > 1 else addresses[0]
                response.answer.append(dns.rrset.from_text_list(question.name, 0, "IN", "A", now))
        elif texts is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype == dns.rdatatype.TXT and texts:
            lines = [_quoted(text) for text in texts]
            response.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", "TXT", lines))
        return response


def _quoted(text: str | bytes) -> str:
    """Return a record's text in the form of a zone file, in strings of at most 200 bytes."""
    content = text.encode() if isinstance(text, str) else text
    parts = [content[start : start + 200] for start in range(0, len(content), 200)] or [b""]
    return " ".join('"' + "".join(f"\\{byte:03d}" for byte in part) + '"' for part in parts)
