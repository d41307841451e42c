"""Receives bodies: with a minimum rate, small ones in memory and others on disk until they are complete."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from farm.core.names.bounded_json import count_values
from farm.core.names.digest import Digest
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.types import Receive

    from farm.store.blobs import BlobStore
    from web.settings import WebSettings


async def pieces(receive: Receive, settings: WebSettings) -> AsyncIterator[bytes]:
    """Yield a body as it arrives. Only the time spent waiting for the client counts.

    Raises `FarmError` (`body-too-slow`), and `ClientDisconnect` if the client disconnects before its end.
    """
    clock = asyncio.get_running_loop().time
    left, more = settings.body_seconds, True
    while more:
        began = clock()
        try:
            async with asyncio.timeout(left):
                message = await receive()
        except TimeoutError as error:
            raise FarmError("the body of the request did not arrive in time", code="body-too-slow") from error
        if message["type"] != "http.request":
            raise ClientDisconnect
        piece, more = message.get("body", b""), message.get("more_body", False)
        left += len(piece) / settings.body_rate - (clock() - began)
        yield piece


class Spool:
    """Unnamed files for bodies that are being received: they vanish with the process, however it ends."""

    def __init__(self, blobs: BlobStore, capacity: int) -> None:
        self._blobs = blobs
        self._capacity = capacity
        self._taken = 0

    @contextmanager
    def place(self, size: int) -> Iterator[BinaryIO]:
        """Give a file that may grow to `size` bytes.

        Raises `FarmError` (`overloaded`) if all files together could exceed the limit then.
        """
        if self._taken + size > self._capacity:
            raise FarmError("the farm is receiving as much as it can at a time", code="overloaded")
        self._taken += size
        try:
            with self._blobs.scratch() as file:
                yield file
        finally:
            self._taken -= size


class Body:
    """One body. Use it as a context manager: its space is released at the end."""

    def __init__(self, spool: Spool, settings: WebSettings) -> None:
        self._spool = spool
        self._settings = settings
        self._hash = hashlib.sha256()
        self._start = bytearray()
        self._file: BinaryIO | None = None
        self._places = ExitStack()
        self._values = 0
        self.size = 0

    def __enter__(self) -> Body:
        return self

    def __exit__(self, *_: object) -> None:
        self._places.close()

    @property
    def digest(self) -> Digest:
        """The digest of what was received."""
        return Digest.from_hex(self._hash.hexdigest())

    async def receive(self, receive: Receive, limit: int, promised: int | None, *, values: int | None = None) -> None:
        """Receive a body of at most `limit` bytes; `promised` is its `Content-Length`, if any.

        A body that will be parsed as JSON may have so many `values`: 3 bytes can become an object of 70. They are
        counted during receipt, so that no request waits for a scan of a whole body.

        Raises `FarmError` (`body-too-large`, `body-too-slow`, `overloaded`) and `ClientDisconnect`.
        """
        too_large = FarmError(f"the body may have {limit} bytes", code="body-too-large")
        if promised is not None and promised > limit:
            raise too_large
        at_most = limit if promised is None else promised
        if at_most > self._settings.memory_bytes and promised is not None:
            self._file = self._places.enter_context(self._spool.place(at_most))
        async for piece in pieces(receive, self._settings):
            self.size += len(piece)
            if self.size > limit:
                raise too_large
            if values is not None:
                self._values += count_values(piece)
                if self._values > values:
                    raise FarmError(f"the body may have {values} values", code="body-too-large")
            await self._take(piece, at_most)

    async def _take(self, piece: bytes, at_most: int) -> None:
        self._hash.update(piece)
        if self._file is None and len(self._start) + len(piece) > self._settings.memory_bytes:
            self._file = self._places.enter_context(self._spool.place(at_most))
            await run_in_threadpool(self._file.write, bytes(self._start))
            self._start.clear()
        if self._file is None:
            self._start += piece
        else:
            await run_in_threadpool(self._file.write, piece)

    async def content(self) -> bytes:
        """Return the whole body, from memory or disk; once."""
        if self._file is None:
            return bytes(self._start)
        self._file.seek(0)
        whole = await run_in_threadpool(self._file.read)
        self._places.close()
        return whole
