"""The tests that a set has to pass, each as the order that a worker gets: its own closure and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.plan.job import DependencyArchive, TestOrder
from farm.core.policy.gate_kind import GateKind
from farm.core.sets.proof.test_closures import Unrunnable, test_closures
from farm.server.federation import imported
from farm.server.tables.records import ImportedPackage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from farm.core.names.digest import Digest
    from farm.core.recipe.recipe import Recipe
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


def order_tests(
    recipe: Recipe, members: MemberSet, package: Callable[[Digest], Package | ImportedPackage]
) -> Iterator[tuple[str, TestOrder | Unrunnable]]:
    """Yield the name of each test of a recipe with an order over the packages of the set.

    `package` gives the record of a member by its descriptor.
    """
    for test, found in test_closures(recipe, members):
        if isinstance(found, Unrunnable):
            yield test.name, found
            continue
        archives = tuple(
            archive_of(package(member.descriptor.digest), member.descriptor.store_path) for member in found
        )
        subject = members.members[recipe.name].descriptor.digest
        yield test.name, TestOrder(test, subject, archives, recipe.limits)


def orders_of(
    unit: UnitOfWork, shelf: MemberCache, members: MemberSet, tested: Iterable[tuple[Recipe, str]]
) -> list[tuple[Recipe, str, str, TestOrder | Unrunnable]]:
    """Return the orders of all tests of these recipes, each with a version, over the packages of the set.

    Archives of imported packages are fetched when a test first needs them: raises `NotKnownYetError` meanwhile.
    """
    awaited: dict[str, ImportedPackage] = {}

    def archived(digest: Digest) -> Package | ImportedPackage:
        package = shelf.archived(unit, digest)
        if isinstance(package, ImportedPackage) and not unit.blobs.has(package.archive.digest):
            awaited[package.name] = package
        return package

    orders = [
        (recipe, version, test, order)
        for recipe, version in tested
        for test, order in order_tests(recipe, members, archived)
    ]
    for package in awaited.values():
        imported.want_archive(unit.session, package)
    if awaited:
        told = ", ".join(f"{name} {each.printed_version}" for name, each in sorted(awaited.items()))
        raise NotKnownYetError(f"the archive of {told} is being fetched")
    return orders


def archive_of(package: Package | ImportedPackage, store: str) -> DependencyArchive:
    """Return a package as orders name it; `store` is the last part of its store path."""
    return DependencyArchive(package.tree, store, package.archive, package.manifest, package.digest)
