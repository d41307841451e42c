"""The gate `reproduced` as the pipeline asks it: it requests rebuilds until enough workers have built the same package.

One rebuild of a plan is requested at a time. The claim gives it to a worker that has not built the plan yet.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm.core.policy.gate_kind import GateKind
from farm.server.identities import identities
from farm.server.jobs import jobs
from farm.server.jobs.rebuilding import NOT_REPRODUCED, difference_in_words, request_rebuild
from farm.server.packages import attestations
from farm.server.pipeline.gates.gate_result import PackageGateResult
from farm.server.recipes import recipes
from farm.server.tables.records import Package
from farm.server.tables.states import ACTIVE, JobState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.core.names.digest import Digest
    from farm.core.policy.gates.reproduced import ReproducedGate
    from farm.server.packages.attestations import Attestation, Difference
    from farm.server.pipeline.gates.gate_result import MovingPackage
    from farm.server.tables.records import Job
    from farm.server.transaction.unit_of_work import UnitOfWork

MOST_TRIES = 3
"""How many rebuilds of a plan may fail before a person has to request the next."""

MOST_READY = 200
"""How many rebuilds of plans first built by one worker may be ready: workers that may take none pass over them all."""


@dataclass(frozen=True)
class Reproduced:
    """As many different workers as the gate requires, the first one included, must have built the same package."""

    kind = GateKind.REPRODUCED
    gate: ReproducedGate

    def check(
        self,
        unit: UnitOfWork,
        channel: str,  # noqa: ARG002
        packages: Sequence[MovingPackage],
    ) -> Mapping[str, PackageGateResult]:
        """Return the results of own packages. Needs a planning transaction: missing rebuilds are requested.

        Imported packages cannot be built here: their own channel says how many of its builders must agree.
        """
        own = [package for package in packages if isinstance(package, Package)]
        by_plan: defaultdict[Digest, list[Package]] = defaultdict(list)
        for package in own:
            by_plan[package.plan].append(package)
        records = _Records.of(unit, own)
        found: dict[str, PackageGateResult] = {}
        for plan, outputs in sorted(by_plan.items(), key=lambda item: item[1][0].name):
            if result := self._check_plan(unit, plan, outputs, records):
                found |= {package.name: result for package in outputs}
        return found

    def _check_plan(
        self, unit: UnitOfWork, plan: Digest, packages: Sequence[Package], records: _Records
    ) -> PackageGateResult | None:
        """Return the results of the packages of one plan; None if enough workers agree about each of them."""
        first = packages[0]
        agreeing = min((records.builders(package) for package in packages), key=len)
        if not (so_far := self.gate.lacking(len(agreeing))):
            return None
        tries = records.tries.get(plan, [])
        active = next((job for job in tries if job.state in ACTIVE), None)
        if active is None and plan in records.differences:
            return _differs(first, records.differences[plan][0], tries)
        failed = [job for job in tries if job.state in (JobState.FAILED, JobState.CANCELLED)]
        aside = next((job for job in tries if job.state is JobState.SET_ASIDE), None)
        if active is None and (aside or len(failed) >= MOST_TRIES):
            return _set_aside(aside) if aside else _failed(first, failed[-1], len(failed))
        differing = {difference.built_by for difference in records.differences.get(plan, ())}
        others = records.workers - {first.built_by} - agreeing - differing
        if len(agreeing) + len(others) < self.gate.agree:
            return _too_few(so_far, self.gate.agree, records.workers)
        if active is None:
            if records.ready[first.built_by] >= MOST_READY:
                reason = f"{so_far}; it waits for {MOST_READY} rebuilds ahead of it"
                return PackageGateResult("waiting", reason, under_way=True)
            active = _request(unit, plan, first)
            records.ready[first.built_by] += 1
        doing = "will rebuild it" if active.state is JobState.READY else "is rebuilding it"
        return PackageGateResult("waiting", f"{so_far}; job {active.id} {doing}", job=active.id, under_way=True)


@dataclass(frozen=True, slots=True)
class _Records:
    """All records about packages, looked up at once. `workers` are those that build, by name."""

    attested: Mapping[Digest, Sequence[Attestation]]
    differences: Mapping[Digest, Sequence[Difference]]
    tries: Mapping[Digest, list[Job]]
    workers: frozenset[str]
    revoked: frozenset[str]
    ready: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, unit: UnitOfWork, packages: Sequence[Package]) -> _Records:
        plans = {package.plan for package in packages}
        workers = identities.workers(unit.session)
        return cls(
            attested=attestations.attestations_of(unit.session, (package.digest for package in packages)),
            differences=attestations.differences_of(unit.session, plans),
            tries=jobs.rebuilds_of(unit.session, plans),
            workers=frozenset(worker.name for worker in workers if worker.builds and worker.revoked_at is None),
            revoked=frozenset(worker.name for worker in workers if worker.revoked_at is not None),
            ready=Counter(jobs.ready_by_first_builder(unit.session)),
        )

    def builders(self, package: Package) -> set[str]:
        """Return the workers that built exactly this package, and whose keys are still trusted."""
        return {
            package.built_by,
            *(attestation.built_by for attestation in self.attested.get(package.digest, ())),
        } - self.revoked


def _request(unit: UnitOfWork, plan: Digest, package: Package) -> Job:
    revision = recipes.find_revision(unit.session, package.recipe)
    if revision is None:
        raise LookupError(f"the recipe {package.recipe} of {package.name} is not in the database")
    trace = f"rebuild-{plan.hex[:12]}"
    return request_rebuild(unit, plan, revision_id=revision.id, name=revision.name, trace=trace)


def _differs(first: Package, difference: Difference, tries: Sequence[Job]) -> PackageGateResult:
    job = next((job for job in reversed(tries) if job.error_code == NOT_REPRODUCED), None)
    recipe = job.name if job else first.name
    return PackageGateResult(
        "failed",
        difference_in_words(difference, first.built_by),
        f"Fix the recipe so that it always gives the same result (`farm rebuild {recipe} --check` shows it on one "
        f"machine), and check the workers {first.built_by} and {difference.built_by}: one of them may be faulty or "
        "compromised.",
        job=job.id if job else None,
    )


def _set_aside(job: Job) -> PackageGateResult:
    return PackageGateResult(
        "failed",
        f"job {job.id}, which was to rebuild it, was {job.error.partition(chr(10))[0]}",
        f"Find out why its workers are lost, then retry it: `farm retry {job.id}`.",
        job=job.id,
    )


def _failed(first: Package, last: Job, count: int) -> PackageGateResult:
    why = last.error.partition("\n")[0] or last.state
    return PackageGateResult(
        "failed",
        f"it could not be built again {count} times after {first.built_by} had built it; job {last.id}: {why}",
        f"Look at the log of job {last.id}, fix the recipe or the worker, and try it again: `farm retry {last.id}`.",
        job=last.id,
    )


def _too_few(so_far: str, agree: int, workers: frozenset[str]) -> PackageGateResult:
    there = f"builds on {', '.join(sorted(workers))} only" if workers else "has no worker that builds"
    return PackageGateResult(
        "waiting", f"{so_far}; this farm {there}", f"Enrol more workers: {agree} of them must build it."
    )
