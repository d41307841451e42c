"""Lets watchers wait for changes of their own: one query for all of them tells whose jobs have changed."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from farm.server.events import changes

if TYPE_CHECKING:
    from farm.server.transaction.unit_of_work import Application
    from web.settings import WebSettings


class Watchers:
    """The requests that wait for changes. Belongs to one event loop.

    While anybody waits, the newest number is read every `watch_seconds`; only those whose jobs have changed are woken.
    `pulses` counts these reads.
    """

    def __init__(self, application: Application, settings: WebSettings) -> None:
        self._application = application
        self._most = settings.watchers
        self._seconds = settings.watch_seconds
        self._waiting: dict[str, asyncio.Event] = {}
        self._count: Counter[str] = Counter()
        self._pulse: asyncio.Task[None] | None = None
        self.pulses = 0

    def __len__(self) -> int:
        """Return how many wait."""
        return self._count.total()

    async def wait(self, submitter: str, since: int, seconds: float) -> None:
        """Return once the submitter has a change after `since`, after so many seconds, or at once if too many wait."""
        if self._count.total() >= self._most:
            return
        changed = self._waiting.setdefault(submitter, asyncio.Event())
        self._count[submitter] += 1
        try:
            if self._pulse is None or self._pulse.done():
                self._pulse = asyncio.create_task(self._beat(since))
            # After it was registered: no change can be missed between the two.
            if not await run_in_threadpool(self._has_changed, submitter, since):
                async with asyncio.timeout(seconds):
                    await changed.wait()
        except TimeoutError:
            pass
        finally:
            self._count[submitter] -= 1
            if not self._count[submitter]:
                del self._count[submitter]
                if self._waiting.get(submitter) is changed:
                    del self._waiting[submitter]

    async def _beat(self, seen: int) -> None:
        while self._waiting or self._count:
            await asyncio.sleep(self._seconds)
            newest, submitters = await run_in_threadpool(self._changed_since, seen)
            seen, self.pulses = newest, self.pulses + 1
            for submitter in submitters & self._waiting.keys():
                self._waiting.pop(submitter).set()

    def _changed_since(self, seen: int) -> tuple[int, set[str]]:
        with self._application.reading() as unit:
            newest = changes.newest(unit.session)
            return newest, changes.submitters_since(unit.session, seen) if newest > seen else set()

    def _has_changed(self, submitter: str, since: int) -> bool:
        with self._application.reading() as unit:
            return changes.has_changed(unit.session, submitter, since)
