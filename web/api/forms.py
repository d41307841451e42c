"""From records to the wire types of the API."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from farm.api import wire
from farm.core.names.printed_version import FIRST_BUILD
from farm.server.jobs import job_lookups
from farm.server.packages import packages
from farm.server.packages.build_numbers import numbers_of
from farm.server.tables.states import JobKind, JobState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlmodel import Session

    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef
    from farm.server.packages.code_consumers import Copied
    from farm.server.tables.records import Attempt, Job, Package, Worker


def job_forms(session: Session, jobs: Sequence[Job]) -> tuple[wire.JobWire, ...]:
    """Return jobs as the API lists them: with the versions of those that are no first builds."""
    numbers = numbers_of(session, {job.subject for job in jobs if job.subject})
    again = [job for job in jobs if job.subject and numbers.get(job.subject, FIRST_BUILD) != FIRST_BUILD]
    versions = job_lookups.versions(session, again)
    dropped = packages.dropped_for(session, {job.subject for job in jobs if job.subject})
    return tuple(job_form(job, versions.get(job.id, ""), _same_as(job, dropped)) for job in jobs)


def _same_as(job: Job, dropped: Mapping[Digest, str]) -> str:
    built = job.kind is JobKind.BUILD and job.state is JobState.SUCCEEDED and not job.rebuild
    return dropped.get(job.subject, "") if built and job.subject else ""


def job_form(job: Job, version: str = "", same_as: str = "") -> wire.JobWire:
    """Return a job as the API shows it."""
    return wire.JobWire(
        id=job.id,
        kind=job.kind.value,
        name=job.name,
        state=job.state,
        rebuild=job.rebuild,
        subject=job.subject,
        submission=job.submission,
        answered_by=job.answered_by,
        lost=job.lost,
        trouble=job.trouble,
        not_before=job.not_before,
        error_code=job.error_code,
        error=job.error,
        created_at=job.created_at,
        changed_at=job.changed_at,
        finished_at=job.finished_at,
        trace=job.trace,
        version=version,
        same_as=same_as,
    )


def attempt_form(attempt: Attempt) -> wire.AttemptWire:
    """Return an attempt as the API shows it: without what the worker reported word for word, or has signed."""
    values = asdict(attempt)
    for own in ("outcome", "attestation", "tester"):
        del values[own]
    return wire.AttemptWire(**values)


def blob_form(blob: BlobRef) -> wire.BlobWire:
    """Return a blob reference as the API shows it."""
    return wire.BlobWire(digest=blob.digest, size=blob.size)


def package_form(package: Package) -> wire.PackageWire:
    """Return a package as the API shows it."""
    return wire.PackageWire(
        digest=package.digest,
        name=package.name,
        version=package.version,
        revision=package.revision,
        platform=package.platform,
        summary=package.summary,
        licence=package.licence,
        tree=package.tree,
        descriptor=blob_form(package.descriptor),
        archive=blob_form(package.archive),
        manifest=blob_form(package.manifest),
        facts=blob_form(package.facts),
        provenance=blob_form(package.provenance),
        plan=package.plan,
        recipe=package.recipe,
        built_by=package.built_by,
        built_at=package.built_at,
        attempt_id=package.attempt_id,
        build=package.build,
        same_as=package.same_as,
    )


def copy_form(copied: Copied) -> wire.CopyWire:
    """Return who holds code of another package as the API shows it."""
    return wire.CopyWire(recipe=copied.recipe, kind=copied.kind, tree=copied.tree)


def worker_form(worker: Worker) -> wire.WorkerWire:
    """Return a worker as the API shows it."""
    roles: tuple[wire.RoleText, ...] = ()
    if worker.builds:
        roles += ("build",)
    if worker.tests:
        roles += ("test",)
    return wire.WorkerWire(
        name=worker.name,
        public_key=worker.public_key,
        roles=roles,
        enrolled_by=worker.enrolled_by,
        enrolled_at=worker.enrolled_at,
        revoked_at=worker.revoked_at,
        seen_at=worker.seen_at,
    )
