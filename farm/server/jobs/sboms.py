"""Stores the bill of materials of each package as a blob, made when its build has ended, or later if it has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.files.problems import RecipeError
from farm.core.fileset.manifest import Manifest
from farm.core.package.descriptor import Descriptor
from farm.core.plan.job import BlobRef
from farm.core.plan.sbom import package_sbom, source_addresses
from farm.server.jobs.planning import plan_of, toolchain_lock
from farm.server.packages import packages
from farm.server.packages.code_consumers import kinds_of
from farm.server.recipes import recipes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from farm.core.names.digest import Digest
    from farm.core.plan.job import SourceOrigin
    from farm.core.plan.plan import Plan
    from farm.core.recipe.recipe import CarriedSource
    from farm.server.tables.records import Package, RecipeRevision
    from farm.server.transaction.unit_of_work import UnitOfWork


def keep_sbom(
    unit: UnitOfWork,
    descriptor: Descriptor,
    *,
    archive: Digest,
    plan: Plan,
    revision: RecipeRevision,
    linked: Collection[str],
    build: int,
) -> BlobRef:
    """Make the document of a package whose manifest is among the blobs, and store it.

    `linked` are the dependencies (short names) whose static code the build opened.
    """
    toolchain = unit.inputs.toolchain_of(plan.toolchain)
    content = package_sbom(
        descriptor,
        plan,
        archive=archive,
        manifest=Manifest.from_json(unit.blobs.read(descriptor.tree)),
        addresses=_addresses(unit, plan, revision),
        carried=_carried(unit, revision),
        linked=linked,
        lock=toolchain.lock if toolchain else None,
        toolchain=toolchain.archive.digest if toolchain else None,
        build=build,
    )
    return BlobRef(unit.blobs.put_bytes(content), len(content))


def sbom_of(unit: UnitOfWork, package: Package) -> BlobRef:
    """Return the document of a package; an old package without one gets it now. Needs a writing transaction."""
    if package.sbom is not None:
        return package.sbom
    revision = recipes.find_revision(unit.session, package.recipe)
    if revision is None:
        raise LookupError(f"the recipe {package.recipe} of {package.name} is not in the database")
    sbom = keep_sbom(
        unit,
        Descriptor.from_json(unit.blobs.read(package.digest)),
        archive=package.archive.digest,
        plan=plan_of(unit, package.plan),
        revision=revision,
        linked=[name for name, kinds in kinds_of(unit.session, package.digest).items() if "static" in kinds],
        build=package.build,
    )
    packages.set_sbom(unit.session, package.digest, sbom)
    return sbom


def _addresses(unit: UnitOfWork, plan: Plan, revision: RecipeRevision) -> Mapping[Digest, SourceOrigin]:
    """Return the addresses of a plan's sources, if its recipe can still be read."""
    try:
        recipe = unit.recipes.recipe(revision)
    except RecipeError:  # the present steps do not know it: its addresses are lost, its digests are not
        return {}
    takes_debs = any(source.debian_package for source in recipe.sources)
    toolchain = unit.inputs.toolchain_of(plan.toolchain)
    return source_addresses(plan, recipe, toolchain_lock(unit, toolchain.lock) if toolchain and takes_debs else None)


def _carried(unit: UnitOfWork, revision: RecipeRevision) -> tuple[CarriedSource, ...]:
    try:
        return unit.recipes.recipe(revision).carried
    except RecipeError:  # as above
        return ()
