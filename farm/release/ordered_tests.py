"""Which tests a candidate has to pass, each as the order that a worker gets: its own closure and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.compat import OpenSetError, UnknownPackageError, closure
from farm.plan import DependencyArchive, TestOrder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from farm.compat import PackageSet
    from farm.database.records import Package
    from farm.recipe import Recipe

TESTS_OUTPUT = "tests"


@dataclass(frozen=True, slots=True)
class Unrunnable:
    """A test that cannot be run in the candidate, and why: what it needs is not there."""

    test: str
    reason: str


def order_tests(
    recipe: Recipe, packages: Mapping[str, Package], candidate: PackageSet
) -> Iterator[TestOrder | Unrunnable]:
    """Yield an order for each test of a recipe, over the packages of `candidate`.

    The closure of a test is that of the recipe's package, of its `tests` output where it has one, and of what the test
    needs.
    """
    own = [recipe.name, f"{recipe.name}-{TESTS_OUTPUT}"]
    roots = [name for name in own if name in candidate.members]
    for test in recipe.tests:
        try:
            members = closure(candidate, [*roots, *test.needs])
        except (UnknownPackageError, OpenSetError) as error:
            yield Unrunnable(test.name, error.message)
            continue
        archives = tuple(archive_of(packages[member.name], member.descriptor.store_path) for member in members)
        yield TestOrder(test, packages[recipe.name].digest, archives, recipe.limits)


def archive_of(package: Package, store: str) -> DependencyArchive:
    """Return a package as orders name it; `store` is the last part of its store path."""
    return DependencyArchive(package.tree, store, package.archive, package.manifest, package.digest)
