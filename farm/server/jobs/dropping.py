"""Which packages of a finished build are dropped, because they have the very files of those that are current.

Who has them gets nothing by the others: they differ in the digest of their plan alone, as they were built with another
build of something. They stay on record: what is current was built against all that those were built against.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.core.package.descriptor import Descriptor
from farm.server.packages import packages
from farm.server.recipes import recipes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from farm.core.names.digest import Digest
    from farm.server.tables.records import Job, Package
    from farm.server.transaction.unit_of_work import UnitOfWork


def kept_instead(unit: UnitOfWork, job: Job, built: Collection[Descriptor]) -> Mapping[Digest, Digest]:
    """Return which current package is kept for each that a build has put out; empty when these are others.

    All or none: a build of the recipe revision that is current and built already, with the same files in each package.
    """
    head = recipes.head(unit.session, job.name)
    if head is None or head.built_plan is None or not head.is_built or head.current != job.revision_id:
        return {}
    current = {package.name: package for package in packages.packages_of_plan(unit.session, head.built_plan)}
    if sorted(current) != sorted(descriptor.name.short for descriptor in built):
        return {}
    if not all(_is_the_same(unit, current[descriptor.name.short], descriptor) for descriptor in built):
        return {}
    return {descriptor.digest: current[descriptor.name.short].digest for descriptor in built}


def _is_the_same(unit: UnitOfWork, current: Package, built: Descriptor) -> bool:
    """Say whether nothing but the plan tells a package from one that is current."""
    return (
        current.tree == built.tree
        and replace(Descriptor.from_json(unit.blobs.read(current.digest)), plan=built.plan) == built
    )
