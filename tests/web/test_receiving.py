"""Limits of request bodies: turns in order, disk space that is given back, and time that only clients use."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from fastapi.routing import APIRoute

from farm.core.names.digest import Digest
from farm.server.application import InvalidSettingsError
from farm.server.tables.states import Role
from farm.store.blobs import BlobStore
from tests.refusing import refuses
from web.api import advisories, curation, submissions, work
from web.bodies import BytesInFlight
from web.receiving import Body, Spool, pieces
from web.routes import DOCUMENTS, SUBMISSIONS, RouteRequirements, Routes
from web.settings import WebSettings

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import Message, Receive

SETTINGS = WebSettings(memory_bytes=10, body_seconds=5, body_rate=1000)


def sending(*parts: bytes) -> Receive:
    waiting = list(parts)

    async def receive() -> Message:
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    return receive


async def received(spool: Spool, *parts: bytes, limit: int = 100, promised: int | None = None) -> tuple[Digest, bytes]:
    with Body(spool, SETTINGS) as body:
        await body.receive(sending(*parts), limit, promised)
        return body.digest, await body.content()


@pytest.mark.parametrize("promised", [True, False])
@pytest.mark.parametrize(
    "parts", [(b"",), (b"short",), (b"just ", b"ten.."), (b"more", b" than", b" ten"), (b"x" * 90,)]
)
def test_a_body_is_what_was_sent_wherever_it_waited(tmp_path: Path, parts: tuple[bytes, ...], promised: bool) -> None:
    spool, whole = Spool(BlobStore(tmp_path), 100), b"".join(parts)
    found = asyncio.run(received(spool, *parts, promised=len(whole) if promised else None))
    assert found == (Digest.of(whole), whole)
    # The space was given back: all of it is available again.
    with spool.place(100):
        assert not list(tmp_path.rglob("*.*"))


def test_a_body_over_its_limit_is_refused_at_once_or_as_soon_as_it_shows(tmp_path: Path) -> None:
    spool = Spool(BlobStore(tmp_path), 1000)
    for promised in (101, None):
        with refuses("body-too-large", "100 bytes"):
            asyncio.run(received(spool, b"x" * 60, b"x" * 60, b"never asked for", promised=promised))
    with spool.place(1000):
        pass


def test_no_more_waits_on_disk_than_there_is_room_for(tmp_path: Path) -> None:
    spool = Spool(BlobStore(tmp_path), 100)
    with spool.place(50):
        with refuses("overloaded"):
            asyncio.run(received(spool, b"x" * 60, promised=60))
        with refuses("overloaded"):  # without a length it may grow to the limit
            asyncio.run(received(spool, b"x" * 60))
        assert asyncio.run(received(spool, b"small", promised=5))[1] == b"small"
        assert len(asyncio.run(received(spool, b"x" * 50, promised=50))[1]) == 50


def test_a_body_has_time_for_each_byte_that_came_and_no_more() -> None:
    async def drip(settings: WebSettings, pause: float) -> int:
        async def receive() -> Message:
            await asyncio.sleep(pause)
            return {"type": "http.request", "body": b"x", "more_body": True}

        count = 0
        with refuses("body-too-slow"):
            async for piece in pieces(receive, settings):
                count += len(piece)
        return count

    assert asyncio.run(drip(WebSettings(body_seconds=0.2, body_rate=1 << 20), 0.05)) < 5
    assert asyncio.run(drip(WebSettings(body_seconds=0.01, body_rate=1), 10)) == 0


def test_turns_come_in_order_and_the_room_is_given_back() -> None:
    done: list[str] = []

    async def one(turns: BytesInFlight, name: str, size: int) -> None:
        async with turns.turn(size):
            await asyncio.sleep(0.01)
            done.append(name)

    async def all_of_them() -> None:
        turns = BytesInFlight(10, 60)
        sizes = {"a": 8, "b": 9, "c": 1, "d": 10, "e": 2}
        await asyncio.gather(*(one(turns, name, size) for name, size in sizes.items()))
        async with turns.turn(10):
            done.append("whole")

    asyncio.run(all_of_them())
    assert "".join(done[:5]) in ("abcde", "acbde")
    assert done[5] == "whole"


def test_who_waits_too_long_or_goes_away_keeps_no_room() -> None:
    async def scenario() -> None:
        turns = BytesInFlight(10, 0.05)
        async with turns.turn(10):
            gone = asyncio.create_task(turns.turn(10).__aenter__())
            await asyncio.sleep(0)
            gone.cancel()
            with refuses("overloaded"):
                async with turns.turn(1):
                    pass
        async with turns.turn(10):
            pass

    asyncio.run(scenario())


def test_a_request_without_a_body_waits_behind_nobody() -> None:
    async def scenario() -> None:
        turns = BytesInFlight(10, 0.05)
        async with turns.turn(10):
            waiting = asyncio.create_task(turns.turn(1).__aenter__())
            await asyncio.sleep(0)
            async with turns.turn(0):
                assert not waiting.done()
            waiting.cancel()

    asyncio.run(scenario())


def test_a_bound_that_counts_is_a_whole_number() -> None:
    for value in (0.5, 1.5, float("inf")):
        with pytest.raises(InvalidSettingsError, match=r"'streams' .* no whole number"):
            WebSettings.with_bounds({"streams": value})


def test_a_bound_that_there_is_not_is_said() -> None:
    assert WebSettings.with_bounds({"streams": 5.0, "head_seconds": 2}) == WebSettings(streams=5, head_seconds=2.0)
    with pytest.raises(Exception, match="no bound 'stream'"):
        WebSettings.with_bounds({"stream": 5})


def test_json_of_too_many_values_is_refused_as_soon_as_it_shows(tmp_path: Path) -> None:
    spool, settings = Spool(BlobStore(tmp_path), 1000), WebSettings()

    async def take(*parts: bytes, values: int | None) -> int:
        with Body(spool, settings) as body:
            await body.receive(sending(*parts), 100, None, values=values)
            return body.size

    assert asyncio.run(take(b"[1,2,3", b",4,5,[],{}]", values=10)) == 17
    with refuses("body-too-large", "10 values"):
        asyncio.run(take(b"[[],", b"[],[],[],[],[],", b"never asked for", values=10))
    assert asyncio.run(take(b"," * 50, values=None)) == 50


def test_each_route_that_may_take_documents_is_one() -> None:
    routers = (advisories.router, curation.router, work.router, submissions.router)
    paths = {route.path for router in routers for route in router.routes if isinstance(route, APIRoute)}
    assert paths >= DOCUMENTS | {SUBMISSIONS}


def test_what_a_route_asks_is_known_before_it_is_served() -> None:
    routes = Routes((curation.router, submissions.router, work.router))

    def asked(method: str, path: str) -> RouteRequirements:
        return routes.asked({"type": "http", "method": method, "path": path, "headers": []})

    settings = WebSettings()
    submission = asked("POST", SUBMISSIONS)
    assert (submission.roles, submission.submits) == ((Role.MAINTAINER,), True)
    assert submission.values(settings) == settings.submission_values
    hold = asked("POST", "/api/v1/channels/edge/holds")
    assert (hold.roles, hold.limit(settings)) == ((Role.CURATOR,), settings.json_bytes)
    assert hold.values(settings) == settings.json_values
    log = asked("POST", "/api/v1/worker/attempts/1/log")
    assert (log.roles, log.values(settings), log.limit(settings)) == ((), None, settings.document_bytes)
    assert asked("POST", "/nowhere") == RouteRequirements()
