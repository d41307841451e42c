"""Bodies as they arrive: no slower than they may be, small ones in memory and others on disk until they are whole."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from farm.core.names.bounded_json import count_values
from farm.core.names.digest import Digest
from web.problems import BodyTooLargeError, BodyTooSlowError, OverloadedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.types import Receive

    from farm.store.blobs import BlobStore
    from web.settings import WebSettings


async def pieces(receive: Receive, settings: WebSettings) -> AsyncIterator[bytes]:
    """Yield a body as it arrives. Only the time that is spent waiting for the client counts.

    Raises `BodyTooSlowError`, and `ClientDisconnect` when the client has gone before its end.
    """
    clock = asyncio.get_running_loop().time
    left, more = settings.body_seconds, True
    while more:
        began = clock()
        try:
            async with asyncio.timeout(left):
                message = await receive()
        except TimeoutError as error:
            raise BodyTooSlowError("the body of the request did not arrive in time") from error
        if message["type"] != "http.request":
            raise ClientDisconnect
        piece, more = message.get("body", b""), message.get("more_body", False)
        left += len(piece) / settings.body_rate - (clock() - began)
        yield piece


class Spool:
    """Files without names for bodies that are on their way: what is there is gone with the process, however it ends."""

    def __init__(self, blobs: BlobStore, capacity: int) -> None:
        self._blobs = blobs
        self._capacity = capacity
        self._taken = 0

    @contextmanager
    def place(self, size: int) -> Iterator[BinaryIO]:
        """Give a file that may grow to `size` bytes. Raises `OverloadedError` when all of them have no room for it."""
        if self._taken + size > self._capacity:
            raise OverloadedError("the farm is receiving as much as it can at a time")
        self._taken += size
        try:
            with self._blobs.scratch() as file:
                yield file
        finally:
            self._taken -= size


class Body:
    """One body. Use it as a context manager: its place is given back at the end."""

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
        """The digest of what has arrived."""
        return Digest.from_hex(self._hash.hexdigest())

    async def receive(self, receive: Receive, limit: int, promised: int | None, *, parsed: bool = False) -> None:
        """Take a body of at most `limit` bytes; `promised` is its `Content-Length`, if it has one.

        One that will be `parsed` as JSON may have so many values: 3 bytes can become an object of 70. They are counted
        as they come, so that nothing waits while all of it is looked through.

        Raises `BodyTooLargeError`, `BodyTooSlowError`, `OverloadedError`, `ClientDisconnect`.
        """
        too_large = BodyTooLargeError(f"the body may have {limit} bytes")
        if promised is not None and promised > limit:
            raise too_large
        at_most = limit if promised is None else promised
        if at_most > self._settings.memory_bytes and promised is not None:
            self._file = self._places.enter_context(self._spool.place(at_most))
        async for piece in pieces(receive, self._settings):
            self.size += len(piece)
            if self.size > limit:
                raise too_large
            if parsed:
                self._values += count_values(piece)
                if self._values > self._settings.json_values:
                    raise BodyTooLargeError(f"the body may have {self._settings.json_values} values")
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
        """Return all of it, from wherever it is; once."""
        if self._file is None:
            return bytes(self._start)
        self._file.seek(0)
        whole = await run_in_threadpool(self._file.read)
        self._places.close()
        return whole
