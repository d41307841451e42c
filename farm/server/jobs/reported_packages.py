"""The packages that a worker reports: checked against the plan that it was leased, and compared with the current ones.

A subscriber gains nothing from packages with the same files as the current ones: only the digest of their plan differs,
because a dependency was another build. They are dropped; their records stay, to show that the current packages also fit
these dependencies.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.core.fileset.manifest import Manifest
from farm.core.package.descriptor import Descriptor
from farm.core.package.facts import PackageFacts
from farm.core.package.sensitive_files import check_declared, sensitive_files_of
from farm.core.plan.outputs import describe_output, differing_fields, output_names
from farm.errors import FarmError
from farm.trust.blob_limits import LARGEST

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from farm.core.names.digest import Digest
    from farm.core.plan.job import BuildOutcome, BuiltPackage
    from farm.core.plan.plan import Plan
    from farm.server.previews.build_scope import BuildScope
    from farm.server.tables.records import Job, Package
    from farm.server.transaction.unit_of_work import Application, UnitOfWork


class RefusedOutcomeError(FarmError):
    """A worker reports something other than the outcome of its leased job."""

    code = "refused-outcome"


def check_packages(application: Application, plan: Plan, outcome: BuildOutcome) -> None:
    """Check that the packages of an outcome follow from its plan, and that all their blobs were uploaded.

    Raises `RefusedOutcomeError`, `UndeclaredFilesError`, `UnusedDeclarationError`.
    """
    outputs = output_names(plan)
    names = [built.descriptor.name.short for built in outcome.packages]
    if len(set(names)) != len(names) or plan.name.short not in names:
        raise RefusedOutcomeError(f"a build of {plan.name} makes {plan.name.short}, and each package once")
    for source in plan.sources:
        # The farm publishes the sources of its packages.
        check_uploaded(application, f"source {source.file}", source.digest)
    for built in outcome.packages:
        descriptor = built.descriptor
        if descriptor.name.short not in outputs or descriptor.name.distribution != plan.name.distribution:
            raise RefusedOutcomeError(f"a build of {plan.name} does not make {descriptor.name}")
        if (built.manifest.digest, built.facts.digest) != (descriptor.tree, descriptor.facts):
            raise RefusedOutcomeError(f"{descriptor.name}: its descriptor names other blobs than the outcome")
        for what, blob in (("archive", built.archive), ("manifest", built.manifest), ("facts", built.facts)):
            check_uploaded(application, "blob", blob.digest, size=blob.size, largest=LARGEST[what])
        _check_archive(application, built)
        # Read now, so that a malformed document is its worker's fault, and not an error of the next plan.
        manifest = Manifest.from_json(application.blobs.read(built.manifest.digest))
        facts = PackageFacts.from_json(application.blobs.read(built.facts.digest))
        _check_described(plan, outputs[descriptor.name.short], descriptor, manifest, facts)
    check_uploaded(application, "provenance", outcome.provenance, largest=LARGEST["provenance"])


def check_uploaded(
    application: Application, what: str, digest: Digest, *, size: int | None = None, largest: int | None = None
) -> None:
    """Check that a worker has uploaded a blob, of at most `largest` bytes, and of the `size` that it reports."""
    if not application.blobs.has(digest):
        raise RefusedOutcomeError(f"the {what} {digest} was not uploaded")
    actual = application.blobs.size(digest)
    if largest is not None and actual > largest:
        raise RefusedOutcomeError(f"the {what} {digest} has {actual} bytes, more than {largest}")
    if size not in (None, actual):
        raise RefusedOutcomeError(f"the {what} {digest} has {actual} bytes, the outcome says {size}")


def kept_instead(scope: BuildScope, job: Job, built: Collection[Descriptor]) -> Mapping[Digest, Digest]:
    """Return the current package that is kept in place of each built one; empty if the new ones are kept.

    All or none: the build must be of the revision that is current and built, with the same files in each package.
    """
    head = scope.head(job.name)
    if head is None or head.built_plan is None or not head.is_built or head.current != job.revision_id:
        return {}
    current = {package.name: package for package in scope.packages_of_plan(head.built_plan)}
    if sorted(current) != sorted(descriptor.name.short for descriptor in built):
        return {}
    if not all(_is_the_same(scope.unit, current[descriptor.name.short], descriptor) for descriptor in built):
        return {}
    return {descriptor.digest: current[descriptor.name.short].digest for descriptor in built}


def _check_described(plan: Plan, output: str, descriptor: Descriptor, manifest: Manifest, facts: PackageFacts) -> None:
    """Check that a descriptor follows from the package's plan and files."""
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


def _is_the_same(unit: UnitOfWork, current: Package, built: Descriptor) -> bool:
    """Return whether a package differs from the current one in nothing but its plan."""
    return (
        current.tree == built.tree
        and replace(Descriptor.from_json(unit.blobs.read(current.digest)), plan=built.plan) == built
    )
