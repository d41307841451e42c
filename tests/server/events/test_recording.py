"""A decision and the events it makes are one transaction, in the order of the commits."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlmodel import col, select

from farm.api.notification_wire import EventKind
from farm.core.policy.gate_kind import GateKind
from farm.server import upkeep
from farm.server.channels import excuses
from farm.server.channels.excuses import Excuse
from farm.server.events import changes, events
from farm.server.events.recording import notify_after_quiet, touch_job
from farm.server.identities.access import Actor
from farm.server.jobs import jobs
from farm.server.previews import previews
from farm.server.submissions.job_decisions import cancel_job, retry_job
from farm.server.submissions.pending_submissions import accept, withdraw
from farm.server.submissions.previewing import expire_previews, submit_preview
from farm.server.tables.notification_rows import JobChangeRow
from farm.server.tables.preview_verdict import PreviewVerdict, VerdictState
from tests.farms.people import name_of, own
from tests.farms.small import SmallFarm, recipe
from tests.farms.stocked import SAMPLES, StockedFarm
from tests.server.pipeline.test_verdicts import statements

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.events.changes import Followed
    from farm.server.tables.session import Database

ME = "token:me"


def events_of(farm: SmallFarm) -> list[tuple[EventKind, str, str]]:
    """My events, oldest first: the kind, the package or submission, and why."""
    with farm.application.reading() as unit:
        found = events.of_submitter(unit.session, ME, limit=1000)
    return [(event.kind, event.package or str(event.submission), event.detail) for event in reversed(found)]


def kinds(farm: SmallFarm) -> list[EventKind]:
    return [kind for kind, _, _ in events_of(farm)]


def follow(farm: SmallFarm, since: int | None = None) -> Followed:
    with farm.application.reading() as unit:
        return changes.followed(unit.session, ME, now=unit.now, since=since)


def retry(farm: SmallFarm, job: int) -> int:
    with farm.application.planning() as unit:
        return retry_job(unit, Actor(ME), job, why="", trace="t", decides=False).id


def test_a_submission_is_accepted_fails_with_the_line_of_the_error_and_is_done_once_repaired(farm: SmallFarm) -> None:
    farm.submit(recipe("low"), recipe("high", needs=("low",)))
    assert events_of(farm) == [(EventKind.SUBMISSION_ACCEPTED, "1", "")]
    lease = farm.claim()
    farm.fail(lease, "low.c:1: error: no\nmake: *** [all] Error 2")
    assert sorted(events_of(farm)[1:]) == [
        (EventKind.JOB_FAILED, "low", "low.c:1: error: no"),
        (EventKind.SUBMISSION_FAILED, "1", "low: low.c:1: error: no; also high"),
    ]
    for _ in range(4):
        retry(farm, lease.job.id)
        lease = farm.claim()
        farm.fail(lease, "the same")
    assert len(events_of(farm)) == 3, "five failures in a row make one event"
    retry(farm, lease.job.id)
    farm.build_all()
    assert sorted(kinds(farm)[3:]) == [EventKind.JOB_RECOVERED, EventKind.SUBMISSION_DONE]


def test_the_line_is_the_first_error_of_the_log_where_one_is_known_for_certain(farm: SmallFarm) -> None:
    farm.submit(recipe("low"))
    lease = farm.claim()
    lines = ("cc low.c", "low.c:1:5: error: expected ';' before 'x'", "make: *** [Makefile:2: all] Error 1")
    record = {"time": "2026-11-24T12:00:00Z", "stream": "stderr", "severity": "warning", "step": "run"}
    written = b"".join(json.dumps({**record, "text": line}, separators=(",", ":")).encode() + b"\n" for line in lines)
    farm.application.logs.append(lease.attempt.id, 0, written, limit=1 << 20)
    farm.fail(lease, "the step run ended with status 2")
    assert {detail for _, _, detail in events_of(farm)[1:]} == {lines[1], f"low: {lines[1]}"}


def test_waiting_for_an_owner_and_a_withdrawal_make_events(farm: SmallFarm) -> None:
    own(farm)
    number = farm.submit(recipe("b")).id
    with farm.application.writing() as unit:
        withdraw(unit, Actor(ME), number, curates=False)
    assert kinds(farm) == [EventKind.SUBMISSION_WAITING, EventKind.SUBMISSION_WITHDRAWN]


def test_a_cancelled_job_makes_its_submission_fail_with_who_and_why(farm: SmallFarm) -> None:
    job = farm.submit(recipe("low")).accepted[0].job.id
    with farm.application.planning() as unit:
        cancel_job(unit, Actor(ME), job, why="the wrong branch", decides=False)
    assert events_of(farm)[1:] == [(EventKind.SUBMISSION_FAILED, "1", "low: cancelled by token:me: the wrong branch")]


def test_what_changes_too_often_is_told_at_the_end_of_the_hour(farm: SmallFarm) -> None:
    farm.submit(recipe("low"))
    job = farm.claim()
    farm.fail(job)
    for number in range(2, 12):
        farm.clock.passes(60)
        if number % 2:
            retry(farm, job.job.id)
            job = farm.claim()
            farm.fail(job)
        else:
            farm.submit(recipe("low", flag=str(number)))
            farm.build_all()
            farm.submit(recipe("low", flag=f"{number}-next"))
            job = farm.claim()
            farm.fail(job)
    mine = [kind for kind in kinds(farm) if kind in (EventKind.JOB_FAILED, EventKind.JOB_RECOVERED)]
    assert mine == [EventKind.JOB_FAILED, EventKind.JOB_RECOVERED] * 3
    assert farm.job(job.job.id).state == "failed", "the last state made no event yet"
    assert upkeep.notify_after_quiet(farm.application) == 0
    farm.clock.passes(3600)
    assert upkeep.notify_after_quiet(farm.application) == 1
    assert kinds(farm)[-1] is EventKind.JOB_FAILED
    assert upkeep.notify_after_quiet(farm.application) == 0


def held(farm: StockedFarm, *packages: str, remedy: str = "repair it", under_way: bool = False) -> None:
    said = [
        Excuse(
            package=name,
            gate=GateKind.TESTS,
            reason="its tests fail",
            remedy=remedy,
            line="1 != 2",
            under_way=under_way,
        )
        for name in packages
    ]
    with farm.application.planning() as unit:
        excuses.hold_back(unit.session, "edge", 1, said, now=unit.now)


def test_a_package_is_told_held_back_when_a_person_has_to_act_and_not_twice(database: Database, tmp_path: Path) -> None:
    farm = StockedFarm.open(database, tmp_path)
    farm.release("edge", farm.build_samples(SAMPLES[:2]))
    before = len(events_of(farm))
    held(farm, "zlib", under_way=True)
    held(farm, "zlib", remedy="")
    assert len(events_of(farm)) == before
    held(farm, "zlib")
    held(farm)
    held(farm, "zlib")
    assert events_of(farm)[before:] == [(EventKind.PACKAGE_HELD_BACK, "zlib", "its tests fail: 1 != 2")]
    assert [state.package for state in follow(farm).states if state.state == "held-back"] == ["zlib"]
    held(farm)
    assert [state.package for state in follow(farm).states if state.state == "held-back"] == []


def test_who_follows_is_told_only_what_has_changed_since(farm: SmallFarm) -> None:
    farm.submit(recipe("low"), recipe("high", needs=("low",)))
    whole = follow(farm)
    assert whole.whole
    assert [(job.name, job.state) for job in whole.jobs] == [("low", "ready"), ("high", "waiting")]
    nothing = follow(farm, whole.number)
    assert (nothing.whole, nothing.states, nothing.jobs) == (False, [], [])
    lease = farm.claim()
    changed = follow(farm, whole.number)
    assert [(job.name, job.state) for job in changed.jobs] == [("low", "leased")]
    farm.finish(lease)
    assert {job.name for job in follow(farm, changed.number).jobs} == {"low", "high"}
    assert follow(farm, changed.number + 1000).whole, "the number of an earlier database"
    with farm.application.reading() as unit:
        assert not changes.has_changed(unit.session, ME, changes.newest(unit.session))
        assert changes.submitters_since(unit.session, changed.number) == {ME}
        assert changes.submitters_since(unit.session, changes.newest(unit.session)) == set()


def test_a_transaction_that_fails_tells_nothing(farm: SmallFarm) -> None:
    job = farm.submit(recipe("low")).accepted[0].job
    before = follow(farm).number

    def fails() -> None:
        with farm.application.writing() as unit:
            touch_job(unit.session, job.id, now=unit.now)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert follow(farm).number == before


def test_numbers_are_in_the_order_of_the_commits(farm: SmallFarm) -> None:
    """Who has seen a number misses nothing that is committed later, though it began earlier."""
    taken = farm.submit(*(recipe(f"p{number}") for number in range(8))).accepted
    seen: dict[int, int] = {}
    done = threading.Event()

    def change(job: int) -> None:
        for _ in range(5):
            with farm.application.writing() as unit:
                touch_job(unit.session, jobs.find_job(unit.session, job, lock=True).id, now=unit.now)

    def look() -> None:
        last = False
        while not last:
            last = done.is_set()
            since = max(seen.values(), default=0)
            with farm.application.reading() as unit:
                query = select(JobChangeRow.job_id, JobChangeRow.number).where(col(JobChangeRow.number) > since)
                seen.update(dict(unit.session.exec(query).all()))

    threads = [threading.Thread(target=change, args=(accepted.job.id,)) for accepted in taken]
    looking = threading.Thread(target=look)
    for thread in (looking, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    looking.join()
    with farm.application.reading() as unit:
        assert seen == dict(unit.session.exec(select(JobChangeRow.job_id, JobChangeRow.number)).all())


def preview(farm: SmallFarm, files: dict[str, bytes], *, by: str) -> int:
    return submit_preview(farm.application, {name_of(files): files}, submitted_by=by, trace="t").id


def test_a_strangers_preview_says_nothing_of_the_farms_builds(farm: SmallFarm) -> None:
    farm.submit(recipe("low"))
    lease = farm.claim()
    farm.fail(lease, "no")
    preview(farm, recipe("low", flag="x"), by="token:mallory")
    farm.build_all()
    with farm.application.reading() as unit:
        assert events.of_submitter(unit.session, "token:mallory", limit=10) == []
    retry(farm, lease.job.id)
    farm.build_all()
    assert EventKind.JOB_RECOVERED in kinds(farm)


def test_a_preview_is_open_and_its_acceptance_is_what_is_told(farm: SmallFarm) -> None:
    number = preview(farm, recipe("low"), by=ME)
    assert [(state.submission, state.state) for state in follow(farm).states] == [(number, "preview")]
    farm.build_all()
    assert [state.state for state in follow(farm).states] == ["preview"]
    assert events_of(farm) == []
    with farm.application.planning() as unit:
        previews.set_verdict(unit.session, number, PreviewVerdict(VerdictState.FAILS, 1, "in a line"), now=unit.now)
    assert [(state.state, state.detail) for state in follow(farm).states] == [("preview-fails", "in a line")]
    assert events_of(farm) == []
    accept(farm.application, Actor(ME), number)
    assert kinds(farm) == [EventKind.SUBMISSION_DONE], "the builds of the preview are the farm's at once"


def test_a_preview_that_is_accepted_before_it_is_built_is_told_so_and_then_done(farm: SmallFarm) -> None:
    number = preview(farm, recipe("low"), by=ME)
    accept(farm.application, Actor(ME), number)
    farm.build_all()
    assert kinds(farm) == [EventKind.SUBMISSION_ACCEPTED, EventKind.SUBMISSION_DONE]


def test_a_preview_that_expires_is_open_no_more(farm: SmallFarm) -> None:
    preview(farm, recipe("low"), by=ME)
    farm.clock.passes(timedelta(days=8).total_seconds())
    expire_previews(farm.application)
    assert (follow(farm).states, events_of(farm)) == ([], [])


@pytest.mark.parametrize("database_kind", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_states_are_read_after_the_lock_of_who_numbers_changes(farm: SmallFarm) -> None:
    with statements(farm.application.database) as made, farm.application.writing() as unit:
        notify_after_quiet(unit.session, now=unit.now)
    first, second = (line for line in made if "pg_advisory" in line or "FROM tracked_state" in line)
    assert "pg_advisory" in first
    assert "FROM tracked_state" in second
