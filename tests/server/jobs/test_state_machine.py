"""In any order of events, every job ends once, no two workers carry out one plan, and nothing waits forever."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from farm.server.jobs import jobs
from farm.server.jobs.job_actions import cancel
from farm.server.jobs.leases import Lease, LeaseLostError, claim, heartbeat, release
from farm.server.tables.schema import migrate
from farm.server.tables.session import Database
from farm.server.tables.states import ACTIVE, ENDED, JobState, may_become
from farm.server.upkeep import take_back_expired
from tests.farms.small import SmallFarm, recipe

NEEDS = {"a": ("b", "c"), "b": ("d",), "c": ("d",), "d": ()}


class Farm(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        path = Path(self.directory.name)
        self.database = Database(f"sqlite:///{path / 'farm.db'}")
        migrate(self.database)
        self.farm = SmallFarm.open(self.database, path)
        self.leases: list[Lease] = []
        self.ended: dict[int, JobState] = {}
        self.finished: list[int] = []

    def teardown(self) -> None:
        self.database.close()
        self.directory.cleanup()

    @rule(name=st.sampled_from(sorted(NEEDS)), flag=st.sampled_from(["x", "y"]))
    def somebody_submits(self, name: str, flag: str) -> None:
        others = [recipe(need, needs=NEEDS[need], flag="x") for need in NEEDS if need != name]
        self.farm.submit(recipe(name, needs=NEEDS[name], flag=flag), *others)

    @rule(worker=st.sampled_from(["one", "two"]))
    def a_worker_asks(self, worker: str) -> None:
        lease = claim(self.farm.application, self.farm.workers[worker])
        if lease:
            self.leases.append(lease)

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), how=st.sampled_from(["finish", "fail", "heartbeat", "release"]))
    def a_worker_reports(self, data: st.DataObject, how: str) -> None:
        lease = data.draw(st.sampled_from(self.leases))
        before = self.farm.job(lease.job.id).state
        try:
            self._report(lease, how)
        except LeaseLostError:
            assert self.farm.job(lease.job.id).state is before
        else:
            if how in ("finish", "fail"):
                self.finished.append(lease.attempt.job_id)

    def _report(self, lease: Lease, how: str) -> None:
        if how == "finish":
            self.farm.finish(lease)
        elif how == "fail":
            self.farm.fail(lease)
        else:
            with self.farm.application.writing() as unit:
                (heartbeat if how == "heartbeat" else release)(unit, self.farm.holder(lease))

    @rule(seconds=st.sampled_from([10, 50, 100]))
    def time_passes_and_the_janitor_comes(self, seconds: int) -> None:
        self.farm.clock.passes(seconds)
        take_back_expired(self.farm.application)

    @rule(data=st.data())
    def somebody_cancels(self, data: st.DataObject) -> None:
        alive = [job.id for job in self._jobs() if job.state not in ENDED]
        if alive:
            with self.farm.application.planning() as unit:
                cancel(unit, data.draw(st.sampled_from(alive)), by="somebody")

    @invariant()
    def what_has_ended_stays_ended(self) -> None:
        for job in self._jobs():
            assert self.ended.setdefault(job.id, job.state) is job.state or job.state not in ENDED
            if job.state not in ENDED:
                del self.ended[job.id]

    @invariant()
    def every_job_was_finished_once_at_most(self) -> None:
        assert len(self.finished) == len(set(self.finished))

    @invariant()
    def one_job_at_most_is_at_work_on_a_plan(self) -> None:
        subjects = [job.subject for job in self._jobs() if job.state in ACTIVE]
        assert len(subjects) == len(set(subjects))

    @invariant()
    def nothing_waits_without_a_reason(self) -> None:
        states = self._jobs()
        if any(job.state is JobState.WAITING for job in states):
            assert any(job.state in (*ACTIVE, JobState.SET_ASIDE) for job in states)

    def _jobs(self) -> list[jobs.Job]:
        with self.farm.application.reading() as unit:
            return jobs.list_jobs(unit.session, limit=10_000)


TestFarm = Farm.TestCase
TestFarm.settings = settings(
    max_examples=5, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_an_end_is_an_end() -> None:
    assert not any(may_become(end, state) for end in ENDED for state in JobState)
