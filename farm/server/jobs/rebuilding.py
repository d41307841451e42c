"""Rebuilding a plan on another worker: the request, and the comparison of the result with the first build.

The packages of the first build stay; only who reproduced them is recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farm.core.comparison.rebuild import difference_of
from farm.core.fileset.manifest import Manifest
from farm.core.package.descriptor import Descriptor
from farm.server.jobs import jobs
from farm.server.packages import attestations, packages
from farm.server.packages.attestations import Attestation, Difference
from farm.server.tables.states import JobKind

if TYPE_CHECKING:
    from farm.core.comparison.rebuild import PackageDifference
    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef, BuildOutcome, BuiltPackage
    from farm.server.tables.records import Attempt, Job, Package
    from farm.server.transaction.unit_of_work import UnitOfWork

NOT_REPRODUCED = "not-reproduced"
"""The error code of a rebuild with other packages. Its attempt has succeeded: the worker has done its work."""


def request_rebuild(unit: UnitOfWork, plan: Digest, *, revision_id: int, name: str, trace: str) -> Job:
    """Add a job that carries out a plan again, on another worker. `name` is the recipe's.

    The plan must have been carried out, and have no active job (`farm.server.jobs.jobs.has_active`).
    """
    return jobs.add_ready_job(
        unit.session,
        kind=JobKind.BUILD,
        name=name,
        revision_id=revision_id,
        subject=plan,
        trace=trace,
        now=unit.now,
        rebuild=True,
    )


def compare(unit: UnitOfWork, plan: Digest, outcome: BuildOutcome) -> tuple[PackageDifference, ...]:
    """Return how a rebuild differs from the recorded packages of its plan, by name; empty if it does not."""
    first = {package.name: package for package in packages.packages_of_plan(unit.session, plan)}
    second = {built.descriptor.name.short: built for built in outcome.packages}
    found = []
    for name in sorted(first.keys() | second.keys()):
        old, new = first.get(name), second.get(name)
        # Manifests of 40,000 files are read only if they differ.
        if not (old and new and old.digest == new.descriptor.digest):
            found.append(
                difference_of(name, _recorded(unit, old) if old else None, _reported(unit, new) if new else None)
            )
    return tuple(difference for difference in found if difference is not None)


def record(
    unit: UnitOfWork, plan: Digest, attempt: Attempt, provenance: BlobRef, differences: tuple[PackageDifference, ...]
) -> str:
    """Record the result of a rebuild. Returns the difference in words; empty if there is none."""
    by: dict[str, Any] = {"built_by": attempt.worker, "attempt_id": attempt.id, "at": unit.now}
    first = packages.packages_of_plan(unit.session, plan)
    if not differences:
        for package in first:
            attested = Attestation(package=package.digest, provenance=provenance, **by)
            attestations.add_attestation(unit.session, attested)
        return ""
    difference = Difference(plan=plan, packages=differences, **by)
    attestations.add_difference(unit.session, difference)
    return difference_in_words(difference, first[0].built_by)


def difference_in_words(difference: Difference, first_builder: str) -> str:
    """Return a sentence (without its full stop) that names both workers and the first file that differs."""
    more = len(difference.packages) - 1
    others = f", and {more} more package{'s differ' if more > 1 else ' differs'}" if more else ""
    return (
        f"{difference.built_by} rebuilt it with a different result than {first_builder}: "
        f"{difference.packages[0].summary}{others}"
    )


def _recorded(unit: UnitOfWork, package: Package) -> tuple[Descriptor, Manifest]:
    return Descriptor.from_json(unit.blobs.read(package.digest)), Manifest.from_json(unit.blobs.read(package.tree))


def _reported(unit: UnitOfWork, built: BuiltPackage) -> tuple[Descriptor, Manifest]:
    return built.descriptor, Manifest.from_json(unit.blobs.read(built.manifest.digest))
