"""`GET /api/v1/watch`: what is mine and unfinished, then only what has changed, and waiting costs next to nothing."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from sqlalchemy import Engine, event

from farm.api.errors import RefusedRequestError
from farm.api.notification_client import NotificationClient
from farm.server.events.recording import touch_job
from farm.server.jobs import jobs
from farm.server.tables.states import Role
from tests.farms.small import recipe
from web.settings import WebSettings
from web.watching import Watchers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.farms.served import ServedFarm


def following(farm: ServedFarm, role: Role = Role.MAINTAINER) -> NotificationClient:
    return NotificationClient(farm.url, farm.token(role))


def change(farm: ServedFarm, job: int) -> None:
    with farm.application.writing() as unit:
        touch_job(unit.session, jobs.find_job(unit.session, job).id, now=unit.now)


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that are sent to any database."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_what_is_mine_is_shown_with_worker_and_step_and_then_only_changes(farm: ServedFarm) -> None:
    worker = farm.worker()
    with following(farm) as client:
        taken = client.submit({"low": recipe("low"), "high": recipe("high", needs=("low",))})
        whole = client.watch()
        assert (whole.whole, [state.state for state in whole.submissions]) == (True, ["accepted"])
        assert [(line.job.name, line.job.state) for line in whole.jobs] == [("low", "ready"), ("high", "waiting")]
        lease = worker.claim()
        record = b'{"time":"2026-11-24T12:00:00Z","stream":"stdout","severity":"info","step":"make","text":"cc"}\n'
        farm.application.logs.append(lease.attempt, 0, record, limit=1 << 20)
        (line,) = client.watch(since=whole.number).jobs
        assert (line.job.name, line.worker, line.step) == ("low", "one", "make")
        now = client.watch().number
        assert client.watch(since=now).jobs == ()
        again = record.replace(b"make", b"make install")
        farm.application.logs.append(lease.attempt, len(record), again, limit=1 << 20)
        (line,) = client.watch(since=now, at_work=[line.job.id]).jobs
        assert line.step == "make install", "a step is no change, and is shown nevertheless"
    other = following(farm, Role.CURATOR)
    assert other.watch().submissions == ()
    assert [state.submission for state in other.watch(submission=taken.id).submissions] == [taken.id]
    with pytest.raises(RefusedRequestError, match="there is no submission 4711"):
        other.watch(submission=4711)
    other.close()


def test_who_waits_is_answered_when_something_of_theirs_changes(farm: ServedFarm) -> None:
    with following(farm) as client:
        job = client.submit({"low": recipe("low")}).accepted[0].job.id
        since = client.watch().number
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(client.watch(since=since, wait=25)))
        waiting.start()
        time.sleep(0.3)
        assert answers == [], "it waits"
        change(farm, job)
        waiting.join(20)
        assert [line.job.id for line in answers[0].jobs] == [job]
        assert client.watch(since=since, wait=25).number > since, "what has changed before is answered at once"


def test_a_thousand_who_wait_ask_the_database_no_more_than_one(farm: ServedFarm) -> None:
    with following(farm) as client:
        job = client.submit({"low": recipe("low")}).accepted[0].job.id
        since = client.watch().number
    watchers = Watchers(farm.application, WebSettings(watch_seconds=0.05))

    async def wait(submitters: list[str]) -> list[str]:
        woken = []

        async def one(submitter: str) -> None:
            await watchers.wait(submitter, since, 30)
            woken.append(submitter)

        tasks = [asyncio.create_task(one(submitter)) for submitter in submitters]
        while len(watchers) < len(submitters) or watchers.pulses < 3:
            await asyncio.sleep(0.01)
        with counted() as sent:
            before = watchers.pulses
            while watchers.pulses < before + 5:
                await asyncio.sleep(0.01)
        assert len(sent) <= 2 * (watchers.pulses - before + 1), "not one for each who waits"
        await asyncio.to_thread(change, farm, job)
        await tasks[0]
        await asyncio.sleep(0.2)
        assert woken == ["token:some-maintainer"], "nobody else is woken"
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return woken

    asyncio.run(wait(["token:some-maintainer", *(f"token:person-{number}" for number in range(999))]))
    assert len(watchers) == 0


def test_when_too_many_wait_the_next_is_answered_at_once(farm: ServedFarm) -> None:
    watchers = Watchers(farm.application, WebSettings(watchers=1, watch_seconds=0.05))

    async def wait() -> None:
        first = asyncio.create_task(watchers.wait("token:me", 0, 30))
        await asyncio.sleep(0.1)
        await asyncio.wait_for(watchers.wait("token:you", 0, 30), 10)
        assert not first.done()
        first.cancel()

    asyncio.run(wait())


def test_the_questions_use_indexes(farm: ServedFarm) -> None:
    with following(farm) as client:
        client.submit({"low": recipe("low")})
    token = farm.token()
    with counted() as sent:
        httpx.get(f"{farm.url}/api/v1/watch", params={"since": 1}, headers={"Authorization": f"Bearer {token}"})
        httpx.get(f"{farm.url}/api/v1/watch", headers={"Authorization": f"Bearer {token}"})
    questions = [statement for statement in sent if "job_change" in statement or "tracked_state" in statement]
    assert len(questions) >= 3
    if not farm.application.database.url.startswith("sqlite"):
        return
    for statement in questions:
        with farm.application.reading() as unit:
            plan = unit.session.connection().exec_driver_sql(
                f"EXPLAIN QUERY PLAN {statement}", ("",) * statement.count("?")
            )
            assert not [row for row in plan if str(row[3]).startswith("SCAN")], statement
