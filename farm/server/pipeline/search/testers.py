"""The results of tests and comparisons that count in a channel: signed by listed testers, and by enough of them.

A job's state is only its worker's report. The signed statement counts, verified against exactly the order in question;
it never changes, so it is verified once.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

from farm.core.names.digest import Digest
from farm.core.plan.abi import AbiOutcome
from farm.core.plan.job import TestOrder, TestOutcome
from farm.errors import FarmError
from farm.server.identities import identities
from farm.server.jobs import attempts, jobs
from farm.server.jobs.provenance_checks import key_of
from farm.server.tables.states import ENDED, JobState
from farm.trust.attestation.tester_results import verify_abi_result, verify_test_result

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from securesystemslib.signer import Key

    from farm.core.plan.abi import AbiOrder
    from farm.server.tables.records import Attempt, Job
    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.store.blobs import BlobStore
    from farm.trust.attestation.tester_results import AbiResult, TestResult
    from farm.trust.metadata.builders import AllowedBuilders


_LOG = logging.getLogger("farm.server.pipeline")
_MOST_KNOWN = 50_000
UNSIGNED = "its worker did not sign the result: upgrade that worker"
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
class Word(Generic[Outcome]):
    """One tester's result of a job. `attestation` is the signed statement; None if none is required or was made."""

    tester: str
    job: Job
    outcome: Outcome
    attestation: Digest | None


def agree(words: Collection[Word[Outcome]], needed: int) -> bool:
    """Return whether the results come from at least `needed` different testers."""
    return len({word.tester for word in words}) >= needed


def attestations_of(words: Iterable[Word[Outcome]], needed: int) -> tuple[Digest, ...]:
    """Return one attestation of each of `needed` different testers, the earliest ones."""
    by_tester: dict[str, Digest | None] = {}
    for word in words:
        by_tester.setdefault(word.tester, word.attestation)
    return tuple(each for each in list(by_tester.values())[:needed] if each)


class SignedResults:
    """Reads signed results, each once. For one thread."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._testers: Mapping[str, Key] = {}
        self._known: OrderedDict[tuple[Digest, Digest], TestResult | AbiResult | None] = OrderedDict()
        self._told = False

    def tell_unlisted(self, testers: Testers) -> None:
        """Log once, if so, that the signed list names no testers."""
        if testers.listed is None and not self._told:
            self._told = True
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

    def _verified(self, attestation: Digest, order: TestOrder | AbiOrder) -> TestResult | AbiResult | None:
        try:
            content = self._blobs.read(attestation)
            if isinstance(order, TestOrder):
                return verify_test_result(content, self._testers, order=order)
            return verify_abi_result(content, self._testers, order=order)
        except FarmError as error:
            _LOG.warning("a signed result does not count: %s", error)
            return None


class Hearing:
    """The testers' results of jobs, within one transaction; and the testers that can still be asked."""

    def __init__(self, unit: UnitOfWork, testers: Testers, results: SignedResults) -> None:
        self._unit = unit
        self.testers = testers
        self._results = results
        self._attempts: dict[int, Attempt] = {}
        self._exclusions: dict[int, frozenset[str]] = {}
        self._enrolled: dict[str, str] | None = None

    def look_up(self, known: Iterable[Job]) -> None:
        """Read the records of jobs that will be asked about, all at once."""
        found = list(known)
        self._attempts |= attempts.attested(self._unit.session, [job.id for job in found if job.state in ENDED])
        ready = [job.id for job in found if job.state is JobState.READY]
        self._exclusions |= dict.fromkeys(ready, frozenset()) | jobs.exclusions(self._unit.session, ready)

    def test(self, job: Job, order: TestOrder, digest: Digest) -> Word[TestOutcome] | None:
        """Return the result of a test in a finished job; None if it does not count.

        `digest` is the order's, passed because it is slow to compute each time.
        """
        attempt = self._attempts.get(job.id)
        if self.testers.listed is None:
            passed = job.state is JobState.SUCCEEDED
            outcome = TestOutcome(passed, 0, "" if passed else job.error, Digest.of(b""))
            return Word("", job, outcome, Digest(attempt.attestation) if attempt else None)
        signed = self._results.read(attempt, order, digest, self.testers) if attempt else None
        if attempt is None or not isinstance(signed, TestOutcome):
            return None
        return Word(attempt.tester, job, signed, Digest(attempt.attestation))

    def comparison(self, job: Job, order: AbiOrder) -> Word[AbiOutcome] | None:
        """Return the result of a comparison in a job, if a listed tester signed it."""
        attempt = self._attempts.get(job.id)
        signed = self._results.read(attempt, order, order.digest, self.testers) if attempt else None
        if attempt is None or not isinstance(signed, AbiOutcome):
            return None
        return Word(attempt.tester, job, signed, Digest(attempt.attestation))

    def in_vain(self, known: Iterable[Job], heard: Collection[int]) -> list[Job]:
        """Return the ended jobs without a counted result; `heard` are the jobs with one.

        Jobs of testers that are not listed (any more) are left out: they are not asked again, so no pause is needed.
        """
        listed = self.testers.listed or {}
        return [
            job
            for job in known
            if job.state in ENDED
            and job.id not in heard
            and ((attempt := self._attempts.get(job.id)) is None or attempt.tester in listed)
        ]

    def others(self, heard: Collection[str]) -> frozenset[str] | None:
        """Return the workers that a job must not go to: unlisted ones, and the testers (by key id) in `heard`.

        None if no tester is left.
        """
        if self.testers.listed is None:
            return frozenset()
        enrolled = self._enrolled_testers()
        allowed = {name for name, keyid in enrolled.items() if keyid in self.testers.listed and keyid not in heard}
        return frozenset(enrolled.keys() - allowed) if allowed else None

    def keep_from(self, job: Job, excluded: frozenset[str]) -> None:
        """Exclude these workers from a job that is not leased yet: the list may have changed since it was requested."""
        if self._exclusions.get(job.id, frozenset()) != excluded:
            jobs.exclude(self._unit.session, job.id, excluded)
            self._exclusions[job.id] = excluded

    def why_nobody(self) -> str:
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


def trouble_until(failed: Sequence[Job], now: datetime, *, what: str = "") -> str:
    """Return the last job's trouble (or `what`) and the time of the next attempt; empty if that is now."""
    pause = min(_FIRST_PAUSE * 2 ** min(len(failed) - 1, 16), _LONGEST_PAUSE)
    again = (failed[-1].finished_at or now) + pause
    return f"{what or failed[-1].error}; it is tried again at {again:%Y-%m-%d %H:%M:%S} UTC" if again > now else ""
