"""`farm retry` and `farm log`, from the command line to the rows of a farm that serves HTTP."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlmodel import update

from farm.core.plan.trouble import Trouble
from farm.server.identities import access
from farm.server.jobs.leases import release
from farm.server.tables.job_rows import JobRow
from farm.server.tables.states import JobState, Role
from tests.cli.curate.test_curating import Shell
from tests.farms.served import serving
from tests.farms.stocked import SAMPLES, StockedFarm, log_record
from tests.server.jobs.test_rebuilds import rebuild
from web.app import create_app

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
    with stocked.application.writing() as unit:
        token, _ = access.issue_token(unit, name="m", role=Role.MAINTAINER, lasts=timedelta(days=1))
    with serving(create_app(stocked.application)) as url:
        monkeypatch.setenv("FARM_URL", url)
        monkeypatch.setenv("FARM_TOKEN", token)
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
    assert "\x1b" not in said
    found = shell.json("log", str(lease.job.id), "--error")
    assert (found["kind"], found["subject"], found["sure"]) == ("missing-header", "zlib-none.h", True)
    assert "cc -c a.c" in shell.run("log", str(lease.job.id))


def test_a_job_that_has_succeeded_has_no_first_error(shell: Shell) -> None:
    assert shell.json("log", "1", "--error") is None
