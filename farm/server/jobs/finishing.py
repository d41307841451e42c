"""The end of an attempt by its worker's report: checked against the lease, then recorded in one transaction."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from farm.core.names.canonical_json import canonical_json
from farm.core.plan.abi import MOST_LINE
from farm.core.plan.job import BlobRef
from farm.server.jobs import attempts, comparisons, jobs
from farm.server.jobs.dependents import record_built, settle_all
from farm.server.jobs.leases import Holder, LeaseLostError, require_lease
from farm.server.jobs.planning import comparison_order, plan_of, revision_of, subject_of, test_order
from farm.server.jobs.provenance_checks import check_abi_result, check_test_result
from farm.server.jobs.rebuilding import NOT_REPRODUCED, compare, record
from farm.server.jobs.reported_packages import RefusedOutcomeError, check_packages, check_uploaded, kept_instead
from farm.server.jobs.sboms import keep_sbom
from farm.server.packages.build_numbers import number_of
from farm.server.packages.provided_files import provider_of
from farm.server.previews.build_scope import BuildScope
from farm.server.tables.evidence import FIRST_ERROR
from farm.server.tables.records import Package
from farm.server.tables.states import AttemptState, JobKind, JobState
from farm.server.transaction.text import truncate_text
from farm.trust.blob_limits import LARGEST_ENVELOPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from farm.core.buildlog.first_error import FirstError
    from farm.core.names.digest import Digest
    from farm.core.package.descriptor import Descriptor
    from farm.core.plan.abi import AbiOutcome
    from farm.core.plan.consumption import Consumption
    from farm.core.plan.job import BuildOutcome, BuiltPackage, TestOutcome
    from farm.core.plan.plan import Plan
    from farm.server.documents.log_store import LogSummary
    from farm.server.tables.records import Attempt, Job, RecipeRevision, Worker
    from farm.server.transaction.unit_of_work import Application, UnitOfWork


_Order = TypeVar("_Order")
_Outcome = TypeVar("_Outcome", "TestOutcome", "AbiOutcome")
TEST_FAILED = "test-failed"
"""The error code of a test that ran and failed; any other code is trouble of the infrastructure."""


class ProvenanceCheck(Protocol):
    """Checks the signed provenance of a build; raises a `FarmError` when it does not attest its packages."""

    def __call__(
        self, envelope: bytes, worker: Worker, packages: Sequence[Descriptor], recipe: Digest, build: int
    ) -> tuple[Consumption, ...]:
        """Check the envelope of `worker` for all packages of the build with this number, made from `recipe`.

        Returns the libraries that the build states to have opened.
        """


def finish_build(
    application: Application, holder: Holder, outcome: BuildOutcome, *, check_provenance: ProvenanceCheck
) -> Job:
    """Record the packages of a build, end its job, and plan the jobs that waited for it, in one transaction.

    For a rebuild, only the comparison with the first build is recorded. Packages with the same files as the current
    ones are recorded too, but no channel is offered them: the current ones stay (`kept_instead`).
    Raises `LeaseLostError`, `RefusedOutcomeError` and what `check_provenance` raises; nothing has changed then.
    """
    # The slow checks come first and hold no lock: their input never changes. The lease is checked again below.
    with application.reading() as unit:
        job = _job(unit, require_lease(unit, holder), JobKind.BUILD)
        plan = plan_of(unit, subject_of(job))
        revision = revision_of(unit, job)
        number = number_of(unit.session, plan.digest)
    check_packages(application, plan, outcome)
    envelope = application.blobs.read(outcome.provenance)
    reported = [built.descriptor for built in outcome.packages]
    consumed = check_provenance(envelope, holder.worker, reported, revision.digest, number)
    for descriptor in reported:
        application.blobs.put_bytes(descriptor.to_json())
    provenance = BlobRef(outcome.provenance, len(envelope))
    _keep_log(application, holder.attempt_id, outcome.log)
    if job.rebuild:
        return _finish_rebuild(application, holder, outcome, provenance)
    with application.reading() as unit:
        sboms = _bills_of_materials(unit, outcome, plan, revision, consumed, build=number)
    log = application.logs.summary(holder.attempt_id)
    with application.planning() as unit:
        attempt = require_lease(unit, holder, lock=True)
        job = _job(unit, attempt, JobKind.BUILD, lock=True)
        _end(unit, attempt, job, log, {}, outcome=_json(outcome))
        scope = BuildScope(unit, job.preview)
        kept = kept_instead(scope, job, reported)
        for built, sbom in zip(outcome.packages, sboms, strict=True):
            package = package_of(built, revision, attempt, provenance, at=unit.now)
            package = replace(package, sbom=sbom, build=number, same_as=kept.get(package.digest))
            scope.add_package(package, consumed)
        settle_all(unit, [job, *record_built(unit, job, plan.digest)])
        return jobs.find_job(unit.session, job.id)


def _bills_of_materials(
    unit: UnitOfWork,
    outcome: BuildOutcome,
    plan: Plan,
    revision: RecipeRevision,
    consumed: Sequence[Consumption],
    *,
    build: int,
) -> list[BlobRef]:
    linked = [consumption.library.short for consumption in consumed if "static" in consumption.kinds]
    about: dict[str, Any] = {"plan": plan, "revision": revision, "linked": linked, "build": build}
    return [keep_sbom(unit, built.descriptor, archive=built.archive.digest, **about) for built in outcome.packages]


def _finish_rebuild(application: Application, holder: Holder, outcome: BuildOutcome, provenance: BlobRef) -> Job:
    log = application.logs.summary(holder.attempt_id)
    # The records of a plan never change: the comparison needs no lock.
    with application.reading() as unit:
        plan = subject_of(_job(unit, require_lease(unit, holder), JobKind.BUILD))
        differences = compare(unit, plan, outcome)
    with application.writing() as unit:
        attempt = require_lease(unit, holder, lock=True)
        job = _job(unit, attempt, JobKind.BUILD, lock=True)
        _end_attempt(unit, attempt, log, {}, outcome=_json(outcome))
        differs = record(unit, plan, attempt, provenance, differences)
        _end_job(unit, job, _failure(NOT_REPRODUCED, differs) if differs else {})
        return jobs.find_job(unit.session, job.id)


def finish_test(application: Application, holder: Holder, outcome: TestOutcome) -> Job:
    """Record the result of a package test and end its job.

    An unsigned result is recorded too: whether it counts for a channel is decided elsewhere.
    Raises `LeaseLostError`, `RefusedOutcomeError`, and what `check_test_result` raises; nothing has changed then.
    """
    signed = _check_signed(application, holder, JobKind.TEST, outcome, order_of=test_order, check=check_test_result)
    with (
        _log_read(application, holder, failed=not outcome.passed) as (log, first_error),
        application.writing() as unit,
    ):
        attempt = require_lease(unit, holder, lock=True)
        job = _job(unit, attempt, JobKind.TEST, lock=True)
        failure = {} if outcome.passed else _failure(TEST_FAILED, outcome.message)
        found = {} if outcome.passed else {"first_error": FIRST_ERROR.write(first_error)}
        _end(unit, attempt, job, log, failure, outcome=_json(outcome), **signed, **found)
        return jobs.find_job(unit.session, job.id)


def finish_comparison(application: Application, holder: Holder, outcome: AbiOutcome) -> Job:
    """Record the result of a comparison of interfaces and end its job.

    Raises `LeaseLostError`, `RefusedOutcomeError`, and what `check_abi_result` raises; nothing has changed then.
    """
    signed = _check_signed(
        application, holder, JobKind.COMPARISON, outcome, order_of=comparison_order, check=check_abi_result
    )
    _check_lease(application, holder)
    log = application.logs.summary(holder.attempt_id)
    report = tuple(truncate_text(line, longest=MOST_LINE) for line in outcome.report)
    outcome = replace(outcome, report=report, reason=truncate_text(outcome.reason, longest=MOST_LINE))
    with application.writing() as unit:
        attempt = require_lease(unit, holder, lock=True)
        job = _job(unit, attempt, JobKind.COMPARISON, lock=True)
        _end(unit, attempt, job, log, {}, outcome=_json(outcome), **signed)
        comparisons.record_outcome(unit.session, subject_of(job), outcome, job_id=job.id)
        return jobs.find_job(unit.session, job.id)


def fail(application: Application, holder: Holder, *, code: str, message: str) -> Job:
    """End an attempt and its job as failed; jobs that need the build are blocked. Raises `LeaseLostError`."""
    with _log_read(application, holder, failed=True) as (log, found), application.planning() as unit:
        attempt = require_lease(unit, holder, lock=True)
        job = jobs.find_job(unit.session, attempt.job_id, lock=True)
        first_error = found and replace(found, provider=provider_of(unit.session, found.kind, found.subject))
        _end(unit, attempt, job, log, _failure(code, message), first_error=FIRST_ERROR.write(first_error))
        settle_all(unit, [job])
        return jobs.find_job(unit.session, job.id)


@contextmanager
def _log_read(
    application: Application, holder: Holder, *, failed: bool
) -> Iterator[tuple[LogSummary, FirstError | None]]:
    """Read the log of an attempt that ends, and its first error if it has failed; raises `LeaseLostError` before.

    A report that the worker sends again waits here for the first one, and finds that the lease is gone.
    """
    _check_lease(application, holder)
    with application.logs.scanning(holder.attempt_id):
        _check_lease(application, holder)
        log = application.logs.summary(holder.attempt_id)
        yield log, application.logs.first_error(holder.attempt_id) if failed else None


def _check_lease(application: Application, holder: Holder) -> None:
    with application.reading() as unit:
        require_lease(unit, holder)


def _check_signed(
    application: Application,
    holder: Holder,
    kind: JobKind,
    outcome: _Outcome,
    *,
    order_of: Callable[[UnitOfWork, Job], _Order],
    check: Callable[[bytes, Worker, _Order, _Outcome], str],
) -> dict[str, str]:
    """Check the signed statement of an outcome against the leased order; return the values that the attempt stores.

    The log that the statement names must be uploaded too. That log is the worker's: in the log that the farm received,
    the end may be missing, and long lines were cut.
    """
    if not outcome.attestation:
        return {}
    with application.reading() as unit:
        order = order_of(unit, _job(unit, require_lease(unit, holder), kind))
    check_uploaded(application, "log", outcome.log)
    check_uploaded(application, "signed result", outcome.attestation, largest=LARGEST_ENVELOPE)
    envelope = application.blobs.read(outcome.attestation)
    return {"attestation": outcome.attestation, "tester": check(envelope, holder.worker, order, outcome)}


def _end(
    unit: UnitOfWork,
    attempt: Attempt,
    job: Job,
    log: LogSummary,
    failure: Mapping[str, str],
    **values: str,
) -> None:
    """End an attempt and its job, with this failure; with success if it is empty."""
    _end_attempt(unit, attempt, log, failure, **values)
    _end_job(unit, job, failure)


def _end_attempt(
    unit: UnitOfWork,
    attempt: Attempt,
    log: LogSummary,
    failure: Mapping[str, str],
    **values: str,
) -> None:
    ended = attempts.change_live(
        unit.session,
        attempt,
        now=unit.now,
        state=AttemptState.FAILED if failure else AttemptState.SUCCEEDED,
        finished_at=unit.now,
        log_size=log.size,
        log_digest=log.digest,
        **failure,
        **values,
    )
    if not ended:
        raise LeaseLostError(attempt.id, "another request has just changed it")


def _end_job(unit: UnitOfWork, job: Job, failure: Mapping[str, str]) -> None:
    jobs.move(unit.session, job, JobState.FAILED if failure else JobState.SUCCEEDED, now=unit.now, **failure)


def _failure(code: str, message: str) -> dict[str, str]:
    return {"error_code": code, "error": truncate_text(message)}


def _json(outcome: BuildOutcome | TestOutcome | AbiOutcome) -> str:
    return canonical_json(outcome.to_dict()).decode()


def package_of(
    built: BuiltPackage, revision: RecipeRevision, attempt: Attempt, provenance: BlobRef, *, at: datetime
) -> Package:
    """Return the package that an attempt at a revision has built."""
    descriptor = built.descriptor
    return Package(
        digest=descriptor.digest,
        descriptor=BlobRef(descriptor.digest, len(descriptor.to_json())),
        name=descriptor.name.short,
        version=str(descriptor.version),
        revision=descriptor.revision,
        platform=str(descriptor.platform),
        summary=revision.summary,
        license=descriptor.license,
        tree=descriptor.tree,
        archive=built.archive,
        manifest=built.manifest,
        facts=built.facts,
        provenance=provenance,
        plan=descriptor.plan,
        recipe=revision.digest,
        attempt_id=attempt.id,
        built_by=attempt.worker,
        built_at=at,
    )


def _job(unit: UnitOfWork, attempt: Attempt, kind: JobKind, *, lock: bool = False) -> Job:
    job = jobs.find_job(unit.session, attempt.job_id, lock=lock)
    if job.kind is not kind:
        raise RefusedOutcomeError(f"job {job.id} is a {job.kind}, and the report is that of a {kind}")
    return job


def _keep_log(application: Application, attempt_id: int, digest: Digest) -> None:
    """Store the log of an attempt as a blob if it is the log that the builder has signed: then it can be published."""
    if application.blobs.has(digest) or application.logs.summary(attempt_id).digest != digest:
        return
    application.blobs.put(application.logs.pieces(attempt_id), digest)
