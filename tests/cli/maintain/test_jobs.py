"""`farm retry` and `farm log`, from the command line to the rows of a farm that serves HTTP."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from sqlmodel import update

from farm.api.wire import JobWire
from farm.cli.first_error_lines import first_error_lines
from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.first_error import FirstError
from farm.core.plan.trouble import Trouble
from farm.server.identities import access
from farm.server.jobs.leases import LeaseLostError, heartbeat, release
from farm.server.tables.job_rows import JobRow
from farm.server.tables.states import JobState, Role
from tests.cli.shell import Shell, signed_in
from tests.farms.people import own
from tests.farms.small import recipe
from tests.farms.stocked import SAMPLES, StockedFarm, log_record
from tests.server.jobs.test_rebuilds import rebuild

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.session import Database


@pytest.fixture
def shell(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shell]:
    """The shell of a maintainer of a farm that has built glibc and zlib."""
    stocked = StockedFarm.open(database, tmp_path, real_time=True)
    stocked.build_samples(SAMPLES[:2])
    with signed_in(stocked, monkeypatch, "me", Role.MAINTAINER):
        yield Shell(stocked, capsys, tmp_path / "none")


def test_what_has_failed_is_tried_again_as_a_new_job(shell: Shell) -> None:
    small = shell.stocked
    again = rebuild(small, "glibc")
    small.finish(small.claim("two"), content="something else")
    lease = shell.stocked.begin(SAMPLES[2])
    shell.stocked.fail(lease, "no")
    said = shell.run("retry", str(again.id), str(lease.job.id))
    first, second = lease.job.id + 1, lease.job.id + 2
    assert said == (
        f"job {again.id} is tried again: rebuild of glibc as job {first}\n"
        f"job {lease.job.id} is tried again: build of {SAMPLES[2].name} as job {second}\n"
    )
    assert [small.job(number).state for number in (first, second)] == [JobState.READY] * 2
    assert (small.job(first).rebuild, small.job(second).rebuild) == (True, False)


def test_one_that_cannot_be_tried_again_is_told_and_the_others_are(shell: Shell) -> None:
    lease = shell.stocked.begin(SAMPLES[2])
    shell.stocked.fail(lease, "no")
    message = shell.run("retry", "1", "999", str(lease.job.id), status=1)
    assert "job 1 is succeeded; only jobs that failed, were cancelled or set aside can be tried again" in message
    assert "there is no job 999" in message
    assert shell.stocked.job(lease.job.id + 1).state is JobState.READY
    shell.run("retry", status=2)
    shell.run("retry", "x", status=2)


def test_programs_are_told_which_job_came_of_which(shell: Shell) -> None:
    lease = shell.stocked.begin(SAMPLES[2])
    shell.stocked.fail(lease, "no")
    (made,) = shell.json("retry", str(lease.job.id))["jobs"]
    assert (made["retries"], made["id"], made["state"]) == (lease.job.id, lease.job.id + 1, "ready")


def test_what_the_farm_had_trouble_with_is_listed_with_when_and_why_and_taken_up_when_it_was_set_aside(
    shell: Shell,
) -> None:
    small = shell.stocked
    for number in range(1, 4):
        lease = shell.stocked.begin(SAMPLES[2])
        with small.application.planning() as unit:
            release(unit, small.holder(lease), error="the disk of one is full\x1b[2J", trouble=Trouble.DISK)
        with small.application.writing() as unit:
            unit.session.exec(update(JobRow).values(not_before=None, elsewhere_until=None))
        if number == 1:
            assert "ready" in shell.run("jobs")
            assert "the disk of one is full" in shell.run("jobs")
    job = lease.job.id
    assert re.search(rf"{job} +build +{SAMPLES[2].name} +set-aside .* set aside after 3 attempts", shell.run("jobs"))
    assert "\x1b" not in shell.run("jobs")
    said = shell.run("retry", str(job))
    assert said == f"job {job} is tried again: build of {SAMPLES[2].name} as job {job}\n"
    assert small.job(job).state is JobState.READY
    # A job without trouble has no such keys, so older programs can read it.
    (shown,) = shell.json("jobs", "--name", SAMPLES[2].name)["jobs"]
    assert not {"trouble", "not_before"} & shown.keys()


def test_of_a_failed_job_the_first_error_is_shown_with_the_lines_around_it(shell: Shell) -> None:
    lease = shell.stocked.begin(SAMPLES[2])
    texts = [
        "cc -c a.c",
        "a.c:3:10: fatal error: \x1b[31mzlib-none.h\x1b[m: No such file or directory",
        "make: *** [a.o] Error 1",
    ]
    shell.stocked.log(lease.attempt.id, *map(log_record, texts))
    shell.stocked.fail(lease, "the step build failed")
    said = shell.run("log", str(lease.job.id), "--error")
    assert said.splitlines()[0] == "first error: step build, line 2"
    assert f"/jobs/{lease.job.id}?attempt=1&line=2#L2" in said
    assert "    > 2 | a.c:3:10: fatal error: zlib-none.h: No such file or directory" in said.splitlines()
    assert said.splitlines()[-1].endswith(f" `farm shell {lease.job.id}` opens the failed build here.")
    assert "\x1b" not in said
    found = shell.json("log", str(lease.job.id), "--error")
    assert (found["kind"], found["subject"], found["sure"]) == ("missing-header", "zlib-none.h", True)
    assert "cc -c a.c" in shell.run("log", str(lease.job.id))


def test_what_a_test_lacks_is_to_be_named_in_its_needs_and_no_build_is_opened() -> None:
    error = FirstError(
        kind=ErrorKind.MISSING_PROGRAM, sure=True, line=1, step="t", text="x", subject="jq", provider="jq"
    )
    now = datetime(2026, 1, 1, tzinfo=UTC)
    job = JobWire(
        id=7, kind="test", name="x", state="failed", subject=None, submission=None, answered_by=None, lost=0,
        error_code="", error="", created_at=now, changed_at=now, finished_at=now, trace="",
    )  # fmt: skip
    said = "".join(map(str, first_error_lines(error, "https://farm", job)))
    assert "The package jq provides jq: name it in the test's needs" in said
    assert "farm shell" not in said


def test_a_job_that_has_succeeded_has_no_first_error(shell: Shell) -> None:
    assert shell.json("log", "1", "--error") is None


def test_a_job_is_cancelled_with_a_reason_its_dependents_are_blocked_and_a_retry_unblocks_them(shell: Shell) -> None:
    small = shell.stocked
    needs = small.submit(recipe("low"), recipe("high", needs=("low",)))
    low, high = (accepted.job.id for accepted in needs.accepted)
    lease = small.claim()
    said = shell.run("cancel", str(low), "--why", "the wrong branch\x1b[2J")
    assert said == f"job {low} is cancelled: build of low\n"
    with pytest.raises(LeaseLostError, match="cancelled"), small.application.writing() as unit:
        heartbeat(unit, small.holder(lease))
    assert (small.job(low).state, small.job(high).state) == (JobState.CANCELLED, JobState.BLOCKED)
    listed = shell.run("jobs", "--name", "low")
    assert "cancelled by token:me: the wrong branch" in listed
    assert "\x1b" not in listed
    message = shell.run("retry", str(high), status=1)
    assert f"farm retry {low}" in message, "what blocks it is named"
    shell.run("retry", str(low), "--why", "it is the right one")
    again = high + 1
    assert (small.job(again).state, small.job(high).state) == (JobState.READY, JobState.WAITING)
    assert f"job {low} retried as job {again} by me" in shell.run("jobs", "--name", "low")
    (made, old) = shell.json("jobs", "--name", "low")["jobs"]
    assert [(request["act"], request["by"], request["why"]) for request in old["requests"]] == [
        ("cancel", "token:me", "the wrong branch\x1b[2J"),
        ("retry", "token:me", "it is the right one"),
    ]
    assert [request["made"] for request in made["requests"]] == [again]
    page = httpx.get(f"{os.environ['FARM_URL']}/jobs/{low}").text
    assert r"the wrong branch\x1b[2J" in page
    assert "it is the right one" in page


def test_a_log_begins_with_who_has_cancelled_the_job(shell: Shell) -> None:
    job = shell.stocked.submit(recipe("low")).accepted[0].job.id
    shell.stocked.claim()
    shell.run("cancel", str(job), "--why", "no longer needed")
    assert shell.run("log", str(job)) == "", "the log itself is unchanged"
    assert re.search(rf"^job {job} cancelled by me at .* UTC: no longer needed$", shell.stderr, re.MULTILINE)


def test_where_cancelling_makes_no_sense_the_way_out_is_named(shell: Shell) -> None:
    lease = shell.stocked.begin(SAMPLES[2])
    shell.stocked.fail(lease, "no")
    message = shell.run("cancel", "1", "999", str(lease.job.id), "--why", "no", status=1)
    assert "job 1 is succeeded already" in message
    assert "farm channel hold CHANNEL glibc" in message
    assert "there is no job 999" in message
    assert f"farm retry {lease.job.id}" in message
    waiting = shell.stocked.submit(recipe("low")).accepted[0].job.id
    assert f"farm log {waiting} --follow" in shell.run("retry", str(waiting), status=1)
    assert "Give a reason" in shell.run("cancel", str(waiting), "--why", " ", status=2)
    shell.run("cancel", str(waiting), status=2)
    shell.run("cancel", "--why", "no", status=2)
    assert shell.stocked.job(waiting).state is JobState.READY


def test_all_of_a_submission_are_cancelled_and_tried_again(shell: Shell) -> None:
    small = shell.stocked
    taken = small.submit(recipe("low"), recipe("high", needs=("low",)), recipe("built"))
    small.claim("one", hint=next(accepted.job.id for accepted in taken.accepted if accepted.revision.name == "built"))
    cancelled = shell.json("cancel", "--submission", str(taken.id), "--why", "no")["jobs"]
    assert {job["name"] for job in cancelled} == {"built", "high", "low"}
    assert {job["state"] for job in cancelled} == {"cancelled"}
    assert shell.run("cancel", "--submission", str(taken.id), "--why", "no") == ""
    assert "has no such job" in shell.stderr
    again = shell.json("retry", "--submission", str(taken.id))["jobs"]
    assert {job["name"] for job in again} == {"built", "high", "low"}
    assert small.states()["low"] is JobState.READY


def test_only_who_submitted_or_owns_it_and_curators_decide_about_a_job(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = shell.stocked
    job = small.submit(recipe("low")).accepted[0].job.id

    def with_token(name: str, role: Role) -> None:
        with small.application.writing() as unit:
            token, _ = access.issue_token(unit, name=name, role=role, lasts=timedelta(days=1))
        monkeypatch.setenv("FARM_TOKEN", token)

    with_token("eve", Role.MAINTAINER)
    message = shell.run("cancel", str(job), "--why", "no", status=1)
    assert f"job {job} (low) is not yours to decide about" in message
    assert "Ask me, or a curator" in message
    assert small.job(job).state is JobState.READY
    with_token("cora", Role.CURATOR)
    shell.run("cancel", str(job), "--why", "no")
    with_token("eve", Role.MAINTAINER)
    assert "not yours" in shell.run("retry", str(job), status=1)
    own(small, "* @curators\nlow bob\n")
    with_token("bob", Role.MAINTAINER)
    shell.run("retry", str(job), "--why", "it is mine")
    assert small.states()["low"] is JobState.READY
