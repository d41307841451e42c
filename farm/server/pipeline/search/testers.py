"""The results of tests and comparisons that count in a channel: signed by listed testers, and by enough of them.

A job's state is only its worker's report. The signed statement counts, verified against exactly the order in question;
it never changes, so it is verified once.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from farm.core.names.digest import Digest
from farm.core.plan.abi import AbiOutcome
from farm.core.plan.job import TestOrder, TestOutcome
from farm.errors import FarmError
from farm.server.identities import identities
from farm.server.jobs import attempts, jobs
from farm.server.jobs.finishing import TEST_FAILED
from farm.server.jobs.provenance_checks import key_of
from farm.server.tables.states import ENDED, JobState
from farm.trust.attestation.tester_results import verify_abi_result, verify_test_result

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from securesystemslib.signer import Key

    from farm.core.plan.abi import AbiOrder
    from farm.server.tables.records import Attempt, Job
    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.store.blobs import BlobStore
    from farm.trust.attestation.tester_results import VerifiedResult
    from farm.trust.metadata.builders import AllowedBuilders


_LOG = logging.getLogger("farm.server.pipeline")
_MOST_KNOWN = 50_000
_UNSIGNED = "its worker did not sign the result: upgrade that worker"
_LIST_ONE = "list one: farm keys draft targets --allow-tester PUB"

Outcome = TypeVar("Outcome", TestOutcome, AbiOutcome)


@dataclass(frozen=True, slots=True)
class Testers:
    """The testers that count in a channel, by key id, and how many must agree.

    `listed` is None if the signed list names no testers: then every enrolled worker's results count.
    """

    __test__ = False  # pytest would collect it for its name

    channel: str
    listed: Mapping[str, Key] | None = None
    needed: int = 1

    @classmethod
    def of(cls, builders: AllowedBuilders, channel: str) -> Testers:
        """Return what the signed list states about a channel."""
        return cls(channel, builders.testers, builders.testers_needed(channel))

    @property
    def mark(self) -> str:
        """Identifies these testers: a decision by the results of other testers is made again."""
        if self.listed is None:
            return ""
        return Digest.of_json({"needed": self.needed, "testers": sorted(self.listed)})


@dataclass(frozen=True, slots=True)
class TesterResult(Generic[Outcome]):
    """One tester's result of a job. `attestation` is the signed statement; None if none is required or was made."""

    tester: str
    job: Job
    outcome: Outcome
    attestation: Digest | None


def agree(results: Collection[TesterResult[Outcome]], needed: int) -> bool:
    """Return whether the results come from at least `needed` different testers."""
    return len({result.tester for result in results}) >= needed


def attestations_of(results: Iterable[TesterResult[Outcome]], needed: int) -> tuple[Digest, ...]:
    """Return one attestation of each of `needed` different testers, the earliest ones."""
    by_tester: dict[str, Digest | None] = {}
    for result in results:
        by_tester.setdefault(result.tester, result.attestation)
    return tuple(attestation for attestation in list(by_tester.values())[:needed] if attestation)


def has_result(job: Job) -> bool:
    """Return whether a job has ended with the result of its test or comparison, whatever the result."""
    return job.state is JobState.SUCCEEDED or (job.state is JobState.FAILED and job.error_code == TEST_FAILED)


class SignedResults:
    """Reads signed results, each once. For one thread."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._testers: Mapping[str, Key] = {}
        self._known: OrderedDict[tuple[Digest, Digest], VerifiedResult[Any] | None] = OrderedDict()
        self._has_warned = False

    def warn_unlisted(self, testers: Testers) -> None:
        """Log once, if so, that the signed list names no testers."""
        if testers.listed is None and not self._has_warned:
            self._has_warned = True
            _LOG.warning(
                "the signed list names no testers: the test results of every enrolled worker count; "
                "list them: farm keys draft targets --allow-tester PUB"
            )

    def read(
        self, attempt: Attempt, order: TestOrder | AbiOrder, digest: Digest, testers: Testers
    ) -> TestOutcome | AbiOutcome | None:
        """Return what a listed tester signed about an order of this digest in an attempt; None if it does not count."""
        listed = testers.listed or {}
        if not attempt.attestation or attempt.tester not in listed:
            return None
        if listed != self._testers:
            self._testers = dict(listed)
            self._known.clear()
        key = Digest(attempt.attestation), digest
        if key not in self._known:
            self._known[key] = self._verified(key[0], order)
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        result = self._known[key]
        # The statement names the tester: one tester's result is never counted for two.
        return result.outcome if result and result.run.tester == attempt.tester else None

    def _verified(self, attestation: Digest, order: TestOrder | AbiOrder) -> VerifiedResult[Any] | None:
        try:
            content = self._blobs.read(attestation)
            if isinstance(order, TestOrder):
                return verify_test_result(content, self._testers, order=order)
            return verify_abi_result(content, self._testers, order=order)
        except FarmError as error:
            _LOG.warning("a signed result does not count: %s", error)
            return None


class JobResults:
    """The results of jobs that count, within one transaction; and the testers that can still be asked."""

    def __init__(self, unit: UnitOfWork, testers: Testers, signed: SignedResults) -> None:
        self._unit = unit
        self.testers = testers
        self._signed = signed
        self._attempts: dict[int, Attempt] = {}
        self._exclusions: dict[int, frozenset[str]] = {}
        self._enrolled: dict[str, str] | None = None

    def look_up(self, known: Iterable[Job]) -> None:
        """Read the records of jobs that will be asked about, all at once."""
        found = list(known)
        self._attempts |= attempts.attested(self._unit.session, [job.id for job in found if job.state in ENDED])
        ready = [job.id for job in found if job.state is JobState.READY]
        self._exclusions |= dict.fromkeys(ready, frozenset()) | jobs.exclusions(self._unit.session, ready)

    def test(self, job: Job, order: TestOrder, digest: Digest) -> TesterResult[TestOutcome] | None:
        """Return the result of a test in a finished job; None if it does not count.

        `digest` is the order's, passed because it is slow to compute each time.
        """
        if self.testers.listed is not None:
            return self._read(job, order, digest, TestOutcome)
        attempt = self._attempts.get(job.id)
        passed = job.state is JobState.SUCCEEDED
        outcome = TestOutcome(passed, 0, "" if passed else job.error, Digest.of(b""))
        return TesterResult("", job, outcome, Digest(attempt.attestation) if attempt else None)

    def comparison(self, job: Job, order: AbiOrder) -> TesterResult[AbiOutcome] | None:
        """Return the result of a comparison in a job, if a listed tester signed it."""
        return self._read(job, order, order.digest, AbiOutcome)

    def _read(
        self, job: Job, order: TestOrder | AbiOrder, digest: Digest, kind: type[Outcome]
    ) -> TesterResult[Outcome] | None:
        attempt = self._attempts.get(job.id)
        outcome = self._signed.read(attempt, order, digest, self.testers) if attempt else None
        if attempt is None or not isinstance(outcome, kind):
            return None
        return TesterResult(attempt.tester, job, outcome, Digest(attempt.attestation))

    def ask(
        self,
        known: list[Job],
        results: Iterable[TesterResult[Outcome]],
        answered: Collection[str],
        request: Callable[[], Job],
    ) -> tuple[Job | None, str]:
        """Return the job that will have another result, and what delays it; a delayed job may be one that has ended.

        `known` are the jobs with the same order, to which a requested one is added; `results` are those of them that
        count. The testers that have `answered` (key ids) are not asked again. After jobs without a result that counts,
        the next one is requested after a pause.
        """
        active = next((job for job in known if job.state not in ENDED), None)
        if active and active.state is not JobState.READY:
            return active, ""
        excluded = self._excluded(answered)
        if excluded is None:
            return active or (known[-1] if known else None), self._why_nobody()
        if active is None:
            failed = self._without_result(known, {result.job.id for result in results})
            if failed and (trouble := _trouble_until(failed, self._unit.now)):
                return failed[-1], trouble
            active = request()
            known.append(active)
        # Also for a job that is not leased yet: the list may have changed since it was requested.
        if self._exclusions.get(active.id, frozenset()) != excluded:
            jobs.exclude(self._unit.session, active.id, excluded)
            self._exclusions[active.id] = excluded
        return active, ""

    def _without_result(self, known: Iterable[Job], answered: Collection[int]) -> list[Job]:
        """Return the ended jobs without a result that counts; `answered` are the jobs with one.

        Jobs of testers that are not listed (any more) are left out: they are not asked again, so no pause is needed.
        """
        listed = self.testers.listed or {}
        return [
            job
            for job in known
            if job.state in ENDED
            and job.id not in answered
            and ((attempt := self._attempts.get(job.id)) is None or attempt.tester in listed)
        ]

    def _excluded(self, answered: Collection[str]) -> frozenset[str] | None:
        """Return the workers that a job must not go to: unlisted ones, and testers whose keys have `answered`.

        None if no tester is left.
        """
        if self.testers.listed is None:
            return frozenset()
        enrolled = self._enrolled_testers()
        allowed = {name for name, keyid in enrolled.items() if keyid in self.testers.listed and keyid not in answered}
        return frozenset(enrolled.keys() - allowed) if allowed else None

    def _why_nobody(self) -> str:
        """Explain why no tester is left, with the remedy."""
        listed = sum(keyid in (self.testers.listed or {}) for keyid in self._enrolled_testers().values())
        if not listed:
            return f"no enrolled worker that tests is a listed tester; {_LIST_ONE}"
        needed, there = self.testers.needed, f"{listed} enrolled worker{' is' if listed == 1 else 's are'} listed"
        if listed < needed:
            return f"{needed} testers must agree in {self.testers.channel}, and {there}; {_LIST_ONE}"
        return f"{needed} testers must agree in {self.testers.channel}, and those that are listed do not"

    def _enrolled_testers(self) -> dict[str, str]:
        if self._enrolled is None:
            self._enrolled = {
                worker.name: key_of(worker).keyid
                for worker in identities.workers(self._unit.session)
                if worker.tests and worker.revoked_at is None
            }
        return self._enrolled


_FIRST_PAUSE = timedelta(seconds=20)
_LONGEST_PAUSE = timedelta(hours=1)


def _trouble_until(failed: Sequence[Job], now: datetime) -> str:
    """Return the last job's trouble and the time of the next attempt; empty if that is now."""
    pause = min(_FIRST_PAUSE * 2 ** min(len(failed) - 1, 16), _LONGEST_PAUSE)
    again = (failed[-1].finished_at or now) + pause
    trouble = _UNSIGNED if has_result(failed[-1]) else failed[-1].error
    return f"{trouble}; it is tried again at {again:%Y-%m-%d %H:%M:%S} UTC" if again > now else ""
