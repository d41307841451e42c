"""The packages of a finished build that are dropped because they have the same files as the current ones.

A subscriber gains nothing from them: only the digest of their plan differs, because a dependency was another build.
Their records stay, to show that the current packages also fit these dependencies.
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
    """Return the current package that is kept in place of each built one; empty if the new ones are kept.

    All or none: the build must be of the revision that is current and built, with the same files in each package.
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
    """Return whether a package differs from the current one in nothing but its plan."""
    return (
        current.tree == built.tree
        and replace(Descriptor.from_json(unit.blobs.read(current.digest)), plan=built.plan) == built
    )
