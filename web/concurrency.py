"""Turns: how much is handled at a time. Belongs to one event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from web.problems import OverloadedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Turns:
    """Lets `capacity` bytes be handled at a time. Others wait in the order of their coming, for `seconds` at most."""

    def __init__(self, capacity: int, seconds: float) -> None:
        self._capacity = capacity
        self._seconds = seconds
        self._taken = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def turn(self, size: int) -> AsyncIterator[None]:
        """Wait until `size` bytes have room, and take it for the block. Raises `OverloadedError`.

        Nothing needs no room, and waits behind nobody.
        """
        if size:
            await self._wait(size)
        try:
            yield
        finally:
            self._give_back(size)

    async def _wait(self, size: int) -> None:
        if not self._waiting and self._taken + size <= self._capacity:
            self._taken += size
            return
        mine = size, asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            async with asyncio.timeout(self._seconds):
                await mine[1]
        except BaseException as error:
            if mine in self._waiting:
                self._waiting.remove(mine)
                self._give_back(0)  # those behind may be smaller
            else:
                self._give_back(size)  # the turn came at the very moment at which nobody waited for it any more
            if isinstance(error, TimeoutError):
                raise OverloadedError("the farm is busy with other requests of this size") from error
            raise

    def _give_back(self, size: int) -> None:
        self._taken -= size
        while self._waiting and self._taken + self._waiting[0][0] <= self._capacity:
            following, turn = self._waiting.popleft()
            self._taken += following
            if not turn.done():
                turn.set_result(None)
