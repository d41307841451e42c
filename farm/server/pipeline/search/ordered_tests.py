"""The tests that a set has to pass, each as the order that a worker gets: its own closure and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.plan.job import DependencyArchive, TestOrder
from farm.core.policy.gate_kind import GateKind
from farm.core.sets.proof.test_closures import Unrunnable, test_closures
from farm.server.federation import imported
from farm.server.tables.records import ImportedPackageRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.core.recipe.recipe import Recipe
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.closure import MemberSet
    from farm.server.pipeline.members.members import MemberCache
    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import UnitOfWork


class NotKnownYetError(Exception):
    """A gate's work on a set is under way; `summary` is its progress."""

    def __init__(self, summary: str, gate: GateKind = GateKind.TESTS) -> None:
        super().__init__(summary)
        self.summary = summary
        self.gate = gate


@dataclass(frozen=True, slots=True)
class TestOf:
    """The test, recipe and version (`1.7.1-1`) of an order: the key of a quarantine."""

    __test__ = False  # pytest would collect it for its name

    recipe: str
    test: str
    version: str


def orders_of(
    unit: UnitOfWork, cache: MemberCache, members: MemberSet, tested: Iterable[tuple[Recipe, str]]
) -> list[tuple[TestOf, TestOrder | Unrunnable]]:
    """Return the orders of all tests of these recipes, each with a version, over the packages of the set.

    Archives of imported packages are fetched when a test first needs them: raises `NotKnownYetError` meanwhile.
    """
    awaited: dict[str, ImportedPackageRecord] = {}

    def archive(member: Member) -> DependencyArchive:
        package = cache.package(unit, member.descriptor.digest)
        if isinstance(package, ImportedPackageRecord) and not unit.blobs.has(package.archive.digest):
            awaited[package.name] = package
        return archive_of(package, member.descriptor.store_path)

    orders: list[tuple[TestOf, TestOrder | Unrunnable]] = []
    for recipe, version in tested:
        for test, found in test_closures(recipe, members):
            order: TestOrder | Unrunnable
            if isinstance(found, Unrunnable):
                order = found
            else:
                subject = members.members[recipe.name].descriptor.digest
                order = TestOrder(test, subject, tuple(map(archive, found)), recipe.limits)
            orders.append((TestOf(recipe.name, test.name, version), order))
    for package in awaited.values():
        imported.want_archive(unit.session, package)
    if awaited:
        named = ", ".join(f"{name} {package.printed_version}" for name, package in sorted(awaited.items()))
        raise NotKnownYetError(f"the archive of {named} is being fetched")
    return orders


def archive_of(package: Package | ImportedPackageRecord, store: str) -> DependencyArchive:
    """Return a package as orders name it; `store` is the last part of its store path."""
    return DependencyArchive(package.tree, store, package.archive, package.manifest, package.digest)
