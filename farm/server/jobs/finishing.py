"""How an attempt ends by its worker's word: the outcome is checked against the lease, then all follows at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

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
from farm.server.jobs.kept_logs import keep_log
from farm.server.jobs.leases import Holder, LeaseLostError, held
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
from farm.server.transaction.text import kept
from farm.trust.blob_limits import LARGEST, LARGEST_ENVELOPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.core.names.digest import Digest
    from farm.core.package.descriptor import Descriptor
    from farm.core.plan.abi import AbiOutcome
    from farm.core.plan.consumption import Consumption
    from farm.core.plan.job import BuildOutcome, BuiltPackage, TestOutcome
    from farm.core.plan.plan import Plan
    from farm.server.documents.log_store import LogSummary
    from farm.server.tables.records import Attempt, Job, RecipeRevision, Worker
    from farm.server.transaction.unit_of_work import Desk, Office


TEST_FAILED = "test-failed"
"""The error code of a test that ran and failed; any other is trouble of the infrastructure."""


class RefusedOutcomeError(FarmError):
    """A worker reports something that is not the outcome of what was leased to it."""

    code = "refused-outcome"


class ProvenanceCheck(Protocol):
    """Checks the signed provenance of a build; raises a `FarmError` when it does not vouch for its packages."""

    def __call__(
        self, envelope: bytes, worker: Worker, packages: Sequence[Descriptor], recipe: Digest, build: int
    ) -> tuple[Consumption, ...]:
        """Check the envelope of `worker` for all packages that it made from `recipe`, as the build of this number.

        Returns what the build says it opened.
        """


def finish_build(office: Office, holder: Holder, outcome: BuildOutcome, *, check_provenance: ProvenanceCheck) -> Job:
    """Take the packages of a build, end its job, and pin what waited for it, in one transaction.

    Of a rebuild no package is taken: it is kept whether they are those that the farm has. Packages with the very files
    of the current ones are recorded, and dropped for these (`farm.server.jobs.dropping`).
    Raises `LeaseLostError`, `RefusedOutcomeError` and what `check_provenance` raises; nothing has changed then.
    """
    # The slow checks first, with no lock held: what they look at never changes. The lease is asked again below.
    with office.reading() as desk:
        attempt = held(desk, holder)
        job = _job(desk, attempt, JobKind.BUILD)
        plan = plan_of(desk, _subject(job))
        revision = _revision(desk, job)
        number = number_of(desk.session, plan.digest)
    _check_packages(office, plan, outcome)
    envelope = office.blobs.read(outcome.provenance)
    reported = [built.descriptor for built in outcome.packages]
    consumed = check_provenance(envelope, holder.worker, reported, revision.digest, number)
    for built in outcome.packages:
        office.blobs.put_bytes(built.descriptor.to_json())
    provenance = BlobRef(outcome.provenance, len(envelope))
    keep_log(office, holder.attempt_id, outcome.log)
    if job.rebuild:
        return _finish_rebuild(office, holder, outcome, provenance)
    with office.reading() as desk:
        sboms = _bills_of_materials(desk, outcome, plan, revision, consumed)
    log = office.logs.summary(holder.attempt_id)
    with office.planning() as desk:
        attempt = held(desk, holder, lock=True)
        job = _job(desk, attempt, JobKind.BUILD)
        _end(desk, attempt, AttemptState.SUCCEEDED, log, outcome=canonical_json(outcome.to_dict()).decode())
        jobs.move(desk.session, job, JobState.SUCCEEDED, now=desk.now)
        kept = kept_instead(desk, job, [built.descriptor for built in outcome.packages])
        for built, sbom in zip(outcome.packages, sboms, strict=True):
            package = _package(desk, built, revision, attempt, provenance)
            package = replace(package, sbom=sbom, build=number, same_as=kept.get(package.digest))
            packages.add_package(desk.session, package)
            add_consumed(desk.session, built.descriptor.digest, consumed)
        settle_all(desk, [job, *record_built(desk, job, plan.digest)])
        return _job(desk, attempt, JobKind.BUILD)


def _finish_rebuild(office: Office, holder: Holder, outcome: BuildOutcome, provenance: BlobRef) -> Job:
    log = office.logs.summary(holder.attempt_id)
    # What is recorded of a plan never changes, so that it can be compared with no lock held.
    with office.reading() as desk:
        plan = _subject(_job(desk, held(desk, holder), JobKind.BUILD))
        differences = compare(desk, plan, outcome)
    with office.writing() as desk:
        attempt = held(desk, holder, lock=True)
        job = _job(desk, attempt, JobKind.BUILD)
        _end(desk, attempt, AttemptState.SUCCEEDED, log, outcome=canonical_json(outcome.to_dict()).decode())
        differs = record(desk, plan, attempt, provenance, differences)
        if differs:
            error = {"error_code": NOT_REPRODUCED, "error": kept(differs)}
            jobs.move(desk.session, job, JobState.FAILED, now=desk.now, **error)
        else:
            jobs.move(desk.session, job, JobState.SUCCEEDED, now=desk.now)
        return _job(desk, attempt, JobKind.BUILD)


def finish_test(office: Office, holder: Holder, outcome: TestOutcome) -> Job:
    """Take the result of a package test and end its job.

    One that the worker has not signed is taken too: whether it counts for a channel is not decided here.
    Raises `LeaseLostError`, `RefusedOutcomeError`, and what `check_test_result` raises; nothing has changed then.
    """
    signed: dict[str, str] = {}
    if outcome.attestation:
        with office.reading() as desk:
            order = test_order(desk, _job(desk, held(desk, holder), JobKind.TEST))
        envelope = _envelope(office, outcome.attestation, outcome.log)
        tester = check_test_result(envelope, holder.worker, order, outcome)
        signed = {"attestation": outcome.attestation, "tester": tester}
    log = office.logs.summary(holder.attempt_id)
    with office.writing() as desk:
        attempt = held(desk, holder, lock=True)
        job = _job(desk, attempt, JobKind.TEST)
        report = canonical_json(outcome.to_dict()).decode()
        if outcome.passed:
            _end(desk, attempt, AttemptState.SUCCEEDED, log, outcome=report, **signed)
            jobs.move(desk.session, job, JobState.SUCCEEDED, now=desk.now)
        else:
            error = {"error_code": TEST_FAILED, "error": kept(outcome.message)}
            _end(desk, attempt, AttemptState.FAILED, log, outcome=report, **error, **signed)
            jobs.move(desk.session, job, JobState.FAILED, now=desk.now, **error)
        return _job(desk, attempt, JobKind.TEST)


def finish_comparison(office: Office, holder: Holder, outcome: AbiOutcome) -> Job:
    """Take what a comparison came to and end its job, likewise.

    Raises `LeaseLostError`, `RefusedOutcomeError`, and what `check_abi_result` raises; nothing has changed then.
    """
    signed: dict[str, str] = {}
    if outcome.attestation:
        with office.reading() as desk:
            order = comparison_order(desk, _job(desk, held(desk, holder), JobKind.COMPARISON))
        envelope = _envelope(office, outcome.attestation, outcome.log)
        tester = check_abi_result(envelope, holder.worker, order, outcome)
        signed = {"attestation": outcome.attestation, "tester": tester}
    log = office.logs.summary(holder.attempt_id)
    report = tuple(kept(line, longest=MOST_LINE) for line in outcome.report)
    outcome = replace(outcome, report=report, reason=kept(outcome.reason, longest=MOST_LINE))
    with office.writing() as desk:
        attempt = held(desk, holder, lock=True)
        job = _job(desk, attempt, JobKind.COMPARISON)
        reported = canonical_json(outcome.to_dict()).decode()
        _end(desk, attempt, AttemptState.SUCCEEDED, log, outcome=reported, **signed)
        jobs.move(desk.session, job, JobState.SUCCEEDED, now=desk.now)
        comparisons.record_outcome(desk.session, _subject(job), outcome, job_id=job.id)
        return _job(desk, attempt, JobKind.COMPARISON)


def fail(office: Office, holder: Holder, *, code: str, message: str) -> Job:
    """End an attempt and its job as failed; jobs that need the build are blocked. Raises `LeaseLostError`."""
    log, message = office.logs.summary(holder.attempt_id), kept(message)
    with office.planning() as desk:
        attempt = held(desk, holder, lock=True)
        _end(desk, attempt, AttemptState.FAILED, log, error_code=code, error=message)
        job = _job(desk, attempt, None)
        jobs.move(desk.session, job, JobState.FAILED, now=desk.now, error_code=code, error=message)
        settle_all(desk, [job])
        return _job(desk, attempt, None)


def _envelope(office: Office, attestation: Digest, log: Digest) -> bytes:
    """Return the signed statement of an outcome; the log that it names must be there too, for whoever doubts it.

    That log is the one that the worker has kept: of what it sent while it worked, an end may have been lost, and long
    lines were cut.
    """
    for what, digest, largest in (("log", log, None), ("signed result", attestation, LARGEST_ENVELOPE)):
        if not office.blobs.has(digest):
            raise RefusedOutcomeError(f"the {what} {digest} was not uploaded")
        if largest is not None and (size := office.blobs.size(digest)) > largest:
            raise RefusedOutcomeError(f"the {what} {digest} has {size} bytes, more than {largest}")
    return office.blobs.read(attestation)


def _check_packages(office: Office, plan: Plan, outcome: BuildOutcome) -> None:
    outputs = output_names(plan)
    names = [built.descriptor.name.short for built in outcome.packages]
    if len(set(names)) != len(names) or plan.name.short not in names:
        raise RefusedOutcomeError(f"a build of {plan.name} puts out {plan.name.short} once, and nothing twice")
    for source in plan.sources:
        if not office.blobs.has(source.digest):
            # The farm publishes the sources of what it publishes, and has to have them for that.
            raise RefusedOutcomeError(f"the source {source.file} ({source.digest}) was not uploaded")
    for built in outcome.packages:
        descriptor = built.descriptor
        if descriptor.name.short not in outputs or descriptor.name.distribution != plan.name.distribution:
            raise RefusedOutcomeError(f"a build of {plan.name} does not put out {descriptor.name}")
        if (built.manifest.digest, built.facts.digest) != (descriptor.tree, descriptor.facts):
            raise RefusedOutcomeError(f"{descriptor.name}: its descriptor names other blobs than the outcome")
        _check_blob(office, built.archive, largest=LARGEST["archive"])
        _check_archive(office, built)
        _check_blob(office, built.manifest, largest=LARGEST["manifest"])
        _check_blob(office, built.facts, largest=LARGEST["facts"])
        # Read here, where a malformed one costs its own worker, and not when the next package is planned.
        manifest = Manifest.from_json(office.blobs.read(built.manifest.digest))
        facts = PackageFacts.from_json(office.blobs.read(built.facts.digest))
        _check_described(plan, outputs[descriptor.name.short], descriptor, manifest, facts)
    if not office.blobs.has(outcome.provenance) or office.blobs.size(outcome.provenance) > LARGEST["provenance"]:
        raise RefusedOutcomeError(
            f"the provenance {outcome.provenance} was not uploaded, or is no such thing by its size"
        )


def _check_described(plan: Plan, output: str, descriptor: Descriptor, manifest: Manifest, facts: PackageFacts) -> None:
    """See that a descriptor says what the plan and the files of the package come to, and nothing else.

    Raises `RefusedOutcomeError`, `UndeclaredFilesError`, `UnusedDeclarationError`.
    """
    expected = describe_output(plan, output, manifest, facts, descriptor.diff_id)
    found = sensitive_files_of(expected, manifest, facts)
    check_declared(descriptor.name, found, expected.sensitive_files)
    for what, wanted, got in differing_fields(expected, descriptor):
        raise RefusedOutcomeError(f"{descriptor.name} has {what} {got}; what was leased has {wanted}")


def _check_archive(office: Office, built: BuiltPackage) -> None:
    """See that the archive is the package: the signer and every client would refuse another, when it is too late."""
    if office.archives.unpacked(built.archive.digest) != built.descriptor.diff_id:
        raise RefusedOutcomeError(
            f"the archive of {built.descriptor.name} holds something else than its descriptor says",
            remedy="Do not trust the worker that reported it; let another build the package.",
        )


def _check_blob(office: Office, blob: BlobRef, *, largest: int) -> None:
    if blob.size > largest:
        raise RefusedOutcomeError(f"the blob {blob.digest} has {blob.size} bytes, more than {largest}")
    if not office.blobs.has(blob.digest):
        raise RefusedOutcomeError(f"the blob {blob.digest} was not uploaded")
    size = office.blobs.size(blob.digest)
    if size != blob.size:
        raise RefusedOutcomeError(f"the blob {blob.digest} has {size} bytes, the outcome says {blob.size}")


def _end(desk: Desk, attempt: Attempt, state: AttemptState, log: LogSummary, **values: str) -> None:
    ended = attempts.change_live(
        desk.session,
        attempt,
        now=desk.now,
        state=state,
        finished_at=desk.now,
        log_size=log.size,
        log_digest=log.digest,
        **values,
    )
    if not ended:
        raise LeaseLostError(attempt.id, "it changed hands this moment")


def _bills_of_materials(
    desk: Desk, outcome: BuildOutcome, plan: Plan, revision: RecipeRevision, consumed: Sequence[Consumption]
) -> list[BlobRef]:
    linked = [each.library.short for each in consumed if "static" in each.kinds]
    build = number_of(desk.session, plan.digest)
    return [
        keep_sbom(
            desk,
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
    desk: Desk, built: BuiltPackage, revision: RecipeRevision, attempt: Attempt, provenance: BlobRef
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
        licence=descriptor.licence,
        tree=descriptor.tree,
        archive=built.archive,
        manifest=built.manifest,
        facts=built.facts,
        provenance=provenance,
        plan=descriptor.plan,
        recipe=revision.digest,
        attempt_id=attempt.id,
        built_by=attempt.worker,
        built_at=desk.now,
    )


def _job(desk: Desk, attempt: Attempt, kind: JobKind | None) -> Job:
    job = jobs.lock_job(desk.session, attempt.job_id)
    if job is None:
        raise LookupError(f"attempt {attempt.id} has no job")
    if kind is not None and job.kind is not kind:
        raise RefusedOutcomeError(f"job {job.id} is a {job.kind}, and the report is that of a {kind}")
    return job


def _subject(job: Job) -> Digest:
    if job.subject is None:
        raise LookupError(f"job {job.id} was leased without a plan")
    return job.subject


def _revision(desk: Desk, job: Job) -> RecipeRevision:
    if job.revision_id is None:
        raise LookupError(f"job {job.id} has no recipe")
    return recipes.revision(desk.session, job.revision_id)
