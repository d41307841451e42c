"""The end of an attempt by its worker's report: checked against the lease, then recorded in one transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from farm.core.fileset.manifest import Manifest
from farm.core.names.canonical_json import canonical_json
from farm.core.package.facts import PackageFacts
from farm.core.package.sensitive_files import check_declared, sensitive_files_of
from farm.core.plan.abi import MOST_LINE
from farm.core.plan.job import BlobRef
from farm.core.plan.outputs import describe_output, differing_fields, output_names
from farm.errors import FarmError
from farm.server.jobs import attempts, comparisons, jobs
from farm.server.jobs.dependents import record_built, settle_all
from farm.server.jobs.dropping import kept_instead
from farm.server.jobs.leases import Holder, LeaseLostError, job_of, require_lease
from farm.server.jobs.planning import comparison_order, plan_of, test_order
from farm.server.jobs.provenance_checks import check_abi_result, check_test_result
from farm.server.jobs.rebuilding import NOT_REPRODUCED, compare, record
from farm.server.jobs.sboms import keep_sbom
from farm.server.packages import packages
from farm.server.packages.build_numbers import number_of
from farm.server.packages.code_consumers import add_consumed
from farm.server.recipes import recipes
from farm.server.tables.records import Package
from farm.server.tables.states import AttemptState, JobKind, JobState
from farm.server.transaction.text import truncate_text
from farm.trust.blob_limits import LARGEST, LARGEST_ENVELOPE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


class RefusedOutcomeError(FarmError):
    """A worker reports something other than the outcome of its leased job."""

    code = "refused-outcome"


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
    ones are recorded and dropped (`kept_instead`).
    Raises `LeaseLostError`, `RefusedOutcomeError` and what `check_provenance` raises; nothing has changed then.
    """
    # The slow checks come first and hold no lock: their input never changes. The lease is checked again below.
    with application.reading() as unit:
        attempt = require_lease(unit, holder)
        job = _job(unit, attempt, JobKind.BUILD)
        plan = plan_of(unit, _subject(job))
        revision = _revision(unit, job)
        number = number_of(unit.session, plan.digest)
    _check_packages(application, plan, outcome)
    envelope = application.blobs.read(outcome.provenance)
    reported = [built.descriptor for built in outcome.packages]
    consumed = check_provenance(envelope, holder.worker, reported, revision.digest, number)
    for built in outcome.packages:
        application.blobs.put_bytes(built.descriptor.to_json())
    provenance = BlobRef(outcome.provenance, len(envelope))
    _keep_log(application, holder.attempt_id, outcome.log)
    if job.rebuild:
        return _finish_rebuild(application, holder, outcome, provenance)
    with application.reading() as unit:
        sboms = _bills_of_materials(unit, outcome, plan, revision, consumed)
    log = application.logs.summary(holder.attempt_id)
    with application.planning() as unit:
        attempt = require_lease(unit, holder, lock=True)
        job = _job(unit, attempt, JobKind.BUILD)
        _end(unit, attempt, AttemptState.SUCCEEDED, log, outcome=canonical_json(outcome.to_dict()).decode())
        jobs.move(unit.session, job, JobState.SUCCEEDED, now=unit.now)
        kept = kept_instead(unit, job, [built.descriptor for built in outcome.packages])
        for built, sbom in zip(outcome.packages, sboms, strict=True):
            package = _package(unit, built, revision, attempt, provenance)
            package = replace(package, sbom=sbom, build=number, same_as=kept.get(package.digest))
            packages.add_package(unit.session, package)
            add_consumed(unit.session, built.descriptor.digest, consumed)
        settle_all(unit, [job, *record_built(unit, job, plan.digest)])
        return _job(unit, attempt, JobKind.BUILD)


def _finish_rebuild(application: Application, holder: Holder, outcome: BuildOutcome, provenance: BlobRef) -> Job:
    log = application.logs.summary(holder.attempt_id)
    # The records of a plan never change: the comparison needs no lock.
    with application.reading() as unit:
        plan = _subject(_job(unit, require_lease(unit, holder), JobKind.BUILD))
        differences = compare(unit, plan, outcome)
    with application.writing() as unit:
        attempt = require_lease(unit, holder, lock=True)
        job = _job(unit, attempt, JobKind.BUILD)
        _end(unit, attempt, AttemptState.SUCCEEDED, log, outcome=canonical_json(outcome.to_dict()).decode())
        differs = record(unit, plan, attempt, provenance, differences)
        if differs:
            error = {"error_code": NOT_REPRODUCED, "error": truncate_text(differs)}
            jobs.move(unit.session, job, JobState.FAILED, now=unit.now, **error)
        else:
            jobs.move(unit.session, job, JobState.SUCCEEDED, now=unit.now)
        return _job(unit, attempt, JobKind.BUILD)


def finish_test(application: Application, holder: Holder, outcome: TestOutcome) -> Job:
    """Record the result of a package test and end its job.

    An unsigned result is recorded too: whether it counts for a channel is decided elsewhere.
    Raises `LeaseLostError`, `RefusedOutcomeError`, and what `check_test_result` raises; nothing has changed then.
    """
    signed = _check_signed(application, holder, JobKind.TEST, outcome, order_of=test_order, check=check_test_result)
    log = application.logs.summary(holder.attempt_id)
    with application.writing() as unit:
        attempt = require_lease(unit, holder, lock=True)
        job = _job(unit, attempt, JobKind.TEST)
        report = canonical_json(outcome.to_dict()).decode()
        if outcome.passed:
            _end(unit, attempt, AttemptState.SUCCEEDED, log, outcome=report, **signed)
            jobs.move(unit.session, job, JobState.SUCCEEDED, now=unit.now)
        else:
            error = {"error_code": TEST_FAILED, "error": truncate_text(outcome.message)}
            _end(unit, attempt, AttemptState.FAILED, log, outcome=report, **error, **signed)
            jobs.move(unit.session, job, JobState.FAILED, now=unit.now, **error)
        return _job(unit, attempt, JobKind.TEST)


def finish_comparison(application: Application, holder: Holder, outcome: AbiOutcome) -> Job:
    """Record the result of a comparison of interfaces and end its job.

    Raises `LeaseLostError`, `RefusedOutcomeError`, and what `check_abi_result` raises; nothing has changed then.
    """
    signed = _check_signed(
        application, holder, JobKind.COMPARISON, outcome, order_of=comparison_order, check=check_abi_result
    )
    log = application.logs.summary(holder.attempt_id)
    report = tuple(truncate_text(line, longest=MOST_LINE) for line in outcome.report)
    outcome = replace(outcome, report=report, reason=truncate_text(outcome.reason, longest=MOST_LINE))
    with application.writing() as unit:
        attempt = require_lease(unit, holder, lock=True)
        job = _job(unit, attempt, JobKind.COMPARISON)
        reported = canonical_json(outcome.to_dict()).decode()
        _end(unit, attempt, AttemptState.SUCCEEDED, log, outcome=reported, **signed)
        jobs.move(unit.session, job, JobState.SUCCEEDED, now=unit.now)
        comparisons.record_outcome(unit.session, _subject(job), outcome, job_id=job.id)
        return _job(unit, attempt, JobKind.COMPARISON)


def fail(application: Application, holder: Holder, *, code: str, message: str) -> Job:
    """End an attempt and its job as failed; jobs that need the build are blocked. Raises `LeaseLostError`."""
    log, message = application.logs.summary(holder.attempt_id), truncate_text(message)
    with application.planning() as unit:
        attempt = require_lease(unit, holder, lock=True)
        _end(unit, attempt, AttemptState.FAILED, log, error_code=code, error=message)
        job = _job(unit, attempt, None)
        jobs.move(unit.session, job, JobState.FAILED, now=unit.now, error_code=code, error=message)
        settle_all(unit, [job])
        return _job(unit, attempt, None)


def _check_signed(
    application: Application,
    holder: Holder,
    kind: JobKind,
    outcome: _Outcome,
    *,
    order_of: Callable[[UnitOfWork, Job], _Order],
    check: Callable[[bytes, Worker, _Order, _Outcome], str],
) -> dict[str, str]:
    """Check the signed statement of an outcome against the leased order; return the values that the attempt stores."""
    if not outcome.attestation:
        return {}
    with application.reading() as unit:
        order = order_of(unit, _job(unit, require_lease(unit, holder), kind))
    envelope = _envelope(application, outcome.attestation, outcome.log)
    return {"attestation": outcome.attestation, "tester": check(envelope, holder.worker, order, outcome)}


def _envelope(application: Application, attestation: Digest, log: Digest) -> bytes:
    """Return the signed statement of an outcome; the log that it names must be uploaded too.

    That log is the worker's: in the log that the farm received, the end may be missing, and long lines were cut.
    """
    for what, digest, largest in (("log", log, None), ("signed result", attestation, LARGEST_ENVELOPE)):
        if not application.blobs.has(digest):
            raise RefusedOutcomeError(f"the {what} {digest} was not uploaded")
        if largest is not None and (size := application.blobs.size(digest)) > largest:
            raise RefusedOutcomeError(f"the {what} {digest} has {size} bytes, more than {largest}")
    return application.blobs.read(attestation)


def _check_packages(application: Application, plan: Plan, outcome: BuildOutcome) -> None:
    outputs = output_names(plan)
    names = [built.descriptor.name.short for built in outcome.packages]
    if len(set(names)) != len(names) or plan.name.short not in names:
        raise RefusedOutcomeError(f"a build of {plan.name} makes {plan.name.short}, and each package once")
    for source in plan.sources:
        if not application.blobs.has(source.digest):
            # The farm publishes the sources of its packages.
            raise RefusedOutcomeError(f"the source {source.file} ({source.digest}) was not uploaded")
    for built in outcome.packages:
        descriptor = built.descriptor
        if descriptor.name.short not in outputs or descriptor.name.distribution != plan.name.distribution:
            raise RefusedOutcomeError(f"a build of {plan.name} does not make {descriptor.name}")
        if (built.manifest.digest, built.facts.digest) != (descriptor.tree, descriptor.facts):
            raise RefusedOutcomeError(f"{descriptor.name}: its descriptor names other blobs than the outcome")
        _check_blob(application, built.archive, largest=LARGEST["archive"])
        _check_archive(application, built)
        _check_blob(application, built.manifest, largest=LARGEST["manifest"])
        _check_blob(application, built.facts, largest=LARGEST["facts"])
        # Read now, so that a malformed document is its worker's fault, and not an error of the next plan.
        manifest = Manifest.from_json(application.blobs.read(built.manifest.digest))
        facts = PackageFacts.from_json(application.blobs.read(built.facts.digest))
        _check_described(plan, outputs[descriptor.name.short], descriptor, manifest, facts)
    if (
        not application.blobs.has(outcome.provenance)
        or application.blobs.size(outcome.provenance) > LARGEST["provenance"]
    ):
        raise RefusedOutcomeError(f"the provenance {outcome.provenance} was not uploaded, or is too large")


def _check_described(plan: Plan, output: str, descriptor: Descriptor, manifest: Manifest, facts: PackageFacts) -> None:
    """Check that a descriptor follows from the package's plan and files.

    Raises `RefusedOutcomeError`, `UndeclaredFilesError`, `UnusedDeclarationError`.
    """
    expected = describe_output(plan, output, manifest, facts, descriptor.diff_id)
    found = sensitive_files_of(expected, manifest, facts)
    check_declared(descriptor.name, found, expected.sensitive_files)
    for what, wanted, got in differing_fields(expected, descriptor):
        raise RefusedOutcomeError(f"{descriptor.name} has {what} {got}; what was leased has {wanted}")


def _check_archive(application: Application, built: BuiltPackage) -> None:
    """Check that the archive holds the package: signer and clients would refuse another one only later."""
    if application.archives.unpacked(built.archive.digest) != built.descriptor.diff_id:
        raise RefusedOutcomeError(
            f"the archive of {built.descriptor.name} does not hold what its descriptor says",
            remedy="Do not trust the worker that reported it; let another worker build the package.",
        )


def _check_blob(application: Application, blob: BlobRef, *, largest: int) -> None:
    if blob.size > largest:
        raise RefusedOutcomeError(f"the blob {blob.digest} has {blob.size} bytes, more than {largest}")
    if not application.blobs.has(blob.digest):
        raise RefusedOutcomeError(f"the blob {blob.digest} was not uploaded")
    size = application.blobs.size(blob.digest)
    if size != blob.size:
        raise RefusedOutcomeError(f"the blob {blob.digest} has {size} bytes, the outcome says {blob.size}")


def _end(unit: UnitOfWork, attempt: Attempt, state: AttemptState, log: LogSummary, **values: str) -> None:
    ended = attempts.change_live(
        unit.session,
        attempt,
        now=unit.now,
        state=state,
        finished_at=unit.now,
        log_size=log.size,
        log_digest=log.digest,
        **values,
    )
    if not ended:
        raise LeaseLostError(attempt.id, "another request has just changed it")


def _bills_of_materials(
    unit: UnitOfWork, outcome: BuildOutcome, plan: Plan, revision: RecipeRevision, consumed: Sequence[Consumption]
) -> list[BlobRef]:
    linked = [consumption.library.short for consumption in consumed if "static" in consumption.kinds]
    build = number_of(unit.session, plan.digest)
    return [
        keep_sbom(
            unit,
            built.descriptor,
            archive=built.archive.digest,
            plan=plan,
            revision=revision,
            linked=linked,
            build=build,
        )
        for built in outcome.packages
    ]


def _package(
    unit: UnitOfWork, built: BuiltPackage, revision: RecipeRevision, attempt: Attempt, provenance: BlobRef
) -> Package:
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
        built_at=unit.now,
    )


def _job(unit: UnitOfWork, attempt: Attempt, kind: JobKind | None) -> Job:
    job = job_of(unit, attempt)
    if kind is not None and job.kind is not kind:
        raise RefusedOutcomeError(f"job {job.id} is a {job.kind}, and the report is that of a {kind}")
    return job


def _subject(job: Job) -> Digest:
    if job.subject is None:
        raise LookupError(f"job {job.id} was leased without a plan")
    return job.subject


def _revision(unit: UnitOfWork, job: Job) -> RecipeRevision:
    if job.revision_id is None:
        raise LookupError(f"job {job.id} has no recipe")
    return recipes.revision(unit.session, job.revision_id)


def _keep_log(application: Application, attempt_id: int, digest: Digest) -> None:
    """Store the log of an attempt as a blob if it is the log that the builder has signed: then it can be published."""
    if application.blobs.has(digest) or application.logs.summary(attempt_id).digest != digest:
        return
    application.blobs.put(application.logs.pieces(attempt_id), digest)
