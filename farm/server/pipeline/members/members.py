"""A cache of packages and their recipes for the pipeline, which asks for them many times."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

from farm.core.fileset.manifest import Manifest
from farm.core.package.descriptor import Descriptor
from farm.core.package.facts import PackageFacts
from farm.core.sets.members.member import Member
from farm.errors import FarmError
from farm.server.federation import imported
from farm.server.jobs import jobs
from farm.server.packages import packages
from farm.server.recipes import recipes
from farm.server.tables.records import ImportedPackageRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.core.names.digest import Digest
    from farm.core.recipe.recipe import Recipe
    from farm.server.tables.records import Package, RecipeRevision
    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.store.blobs import BlobStore

_Value = TypeVar("_Value")
_REMEMBERED = 200_000


class MemberCache:
    """Members and records by the digest of their descriptor, whose meaning never changes. For one thread."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._members: _Newest[Member] = _Newest()
        self._packages: _Newest[Package | ImportedPackageRecord] = _Newest()
        self._revisions: _Newest[RecipeRevision] = _Newest()
        self._tests: dict[Digest, RecipeRevision] = {}
        self._revised: list[tuple[int, Digest]] = []
        self.tests_mark = 0

    def record(self, unit: UnitOfWork, digest: Digest) -> Package:
        """Return the record of an own package, which must exist."""
        known = self.package(unit, digest)
        if isinstance(known, ImportedPackageRecord):
            raise FarmError(f"the package {digest} is of another distribution")
        return known

    def package(self, unit: UnitOfWork, digest: Digest) -> Package | ImportedPackageRecord:
        """Return the record of a package, own or imported, which must exist."""
        return self._packages.get(digest, lambda: _package(unit, digest))

    def member(self, package: Package | ImportedPackageRecord) -> Member:
        """Return the member that a package is. Raises `MissingBlobError`, `CorruptBlobError`."""
        self._packages.put(package.digest, package)
        return self._members.get(package.digest, lambda: self._read(package))

    def _read(self, package: Package | ImportedPackageRecord) -> Member:
        return Member.of(
            Descriptor.from_json(self._blobs.read(package.digest)),
            PackageFacts.from_json(self._blobs.read(package.facts.digest)),
            Manifest.from_json(self._blobs.read(package.manifest.digest)),
            imported=isinstance(package, ImportedPackageRecord),
            build=package.build,
        )

    def revision(self, unit: UnitOfWork, package: Package) -> RecipeRevision:
        """Return the recipe revision that a package was built from."""
        return self._revisions.get(package.recipe, lambda: _revision(unit, package))

    def renew_tests(self, unit: UnitOfWork) -> None:
        """Load newer recipes that lead to earlier plans: only the tests of such packages differ.

        Afterwards `tests_mark` is the newest job of such a recipe.
        """
        if jobs.newest_answered(unit.session) == self.tests_mark:
            return
        for job in jobs.answered_since(unit.session, self.tests_mark):
            if job.subject is not None and job.revision_id is not None:
                # A build with the same files as an earlier one was dropped for it: the tests are those of the package
                # that is kept.
                plan = packages.kept_plan(unit.session, job.subject)
                self._tests[plan] = recipes.revision(unit.session, job.revision_id)
                self._revised.append((job.id, plan))
            self.tests_mark = job.id

    def revised_since(self, mark: int) -> list[Digest]:
        """Return the plans that have newer recipes from jobs after `mark`, each once."""
        return list(dict.fromkeys(plan for job, plan in self._revised if job > mark))

    def tested_revision(self, unit: UnitOfWork, package: Package) -> RecipeRevision:
        """Return the newest recipe revision that leads to the plan of a package: its tests are those that count."""
        return self._tests.get(package.plan) or self.revision(unit, package)

    def has_revised_tests(self, plan: Digest) -> bool:
        """Return whether a newer recipe leads to a plan than the one that it was built from."""
        return plan in self._tests

    def tested_recipe(self, unit: UnitOfWork, package: Package) -> Recipe:
        """Return the newest recipe that leads to the plan of a package."""
        return unit.recipes.recipe(self.tested_revision(unit, package))


def _package(unit: UnitOfWork, digest: Digest) -> Package | ImportedPackageRecord:
    found = packages.package(unit.session, digest) or imported.package(unit.session, digest)
    if found is None:
        raise FarmError(f"the package {digest} is not in the database")
    return found


def _revision(unit: UnitOfWork, package: Package) -> RecipeRevision:
    found = recipes.find_revision(unit.session, package.recipe)
    if found is None:
        raise FarmError(f"the recipe {package.recipe} of {package.name} is not in the database")
    return found


class _Newest(Generic[_Value]):
    """A cache of values by digest that drops the least recently used."""

    def __init__(self) -> None:
        self._values: OrderedDict[Digest, _Value] = OrderedDict()

    def get(self, digest: Digest, load: Callable[[], _Value]) -> _Value:
        """Return the value of a digest, loaded if it is not in the cache."""
        value = self._values[digest] if digest in self._values else load()
        self.put(digest, value)
        return value

    def put(self, digest: Digest, value: _Value) -> None:
        """Keep a value as the most recently used."""
        self._values[digest] = value
        self._values.move_to_end(digest)
        if len(self._values) > _REMEMBERED:
            self._values.popitem(last=False)
