"""Checks that no release names older tests and waivers for a package than releases have named before.

The pipeline takes the newest recipe that leads to the package's plan, by its database. Here the newest is the one that
an owner has signed last, of those that releases of any channel have named: only an owner can go back, by signing the
older one again. If no owners are signed, the order of two recipes is unknown: the requester of a release chooses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.checker.builds.plans import PlanMismatchError
from farm.checker.reading.refusal import RefusedReleaseError, check_each
from farm.checker.reading.test_record import NamedTests, TestedBuild

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from farm.checker.builds.outputs import Outputs
    from farm.checker.builds.ownership import SignedOwnership
    from farm.checker.builds.plans import Plans
    from farm.checker.reading.test_record import CountedTests, TestRecord
    from farm.core.names.digest import Digest
    from farm.core.plan.plan import Plan
    from farm.trust.index.release_index import ReleaseEntry


@dataclass(frozen=True, slots=True)
class NewestTests:
    """Checks that a release names the newest tests for its packages. `owned` says whether owners are signed."""

    outputs: Outputs
    record: TestRecord
    ownership: SignedOwnership
    plans: Plans
    owned: bool

    def check(self, entries: Iterable[ReleaseEntry]) -> None:
        """Check that none of these entries of the release names older tests than releases have had for the package.

        Raises `RefusedReleaseError`, `MissingBlobError` and the like, and as `Outputs`.
        """
        if not self.owned:
            return
        builds = {entry: _build(entry, self.outputs) for entry in entries}
        counted = self.record.counted(builds.values())

        def check(entry: ReleaseEntry) -> None:
            newest = self._newer_than(entry, builds[entry], counted[builds[entry]])
            if newest is not None:
                raise RefusedReleaseError(
                    f"{entry.name} would be tested by the recipe {entry.tested_by} on "
                    f"{self.outputs.change.release.channel}, and release {newest.number} of {newest.channel} has named "
                    f"a newer one, {newest.recipe}",
                    remedy="Release it with the newer one; submit that again where the farm has lost it. To go back, "
                    "let an owner submit the older recipe again.",
                    code="older-tests",
                )

        check_each(builds, check)

    def _newer_than(
        self, entry: ReleaseEntry, build: TestedBuild, counted: Sequence[CountedTests]
    ) -> CountedTests | None:
        """Return the tests that count already and are newer than those of an entry."""
        for newest in reversed(counted):
            if newest.recipe == entry.tested_by:
                return None
            output = self.outputs.of(entry)
            # Tests that count for another build may be of a recipe that could not have built this one.
            if newest.plan == build.plan or self._comes_to(output.plan, newest.recipe):
                signed = self.ownership.last_signed(output.recipe, entry.tested_by)
                return None if signed is not None and signed > newest.signed else newest
        return None

    def _comes_to(self, plan: Plan, recipe: Digest) -> bool:
        try:
            self.plans.check(plan, recipe)
        except PlanMismatchError:
            return False
        return True


def named_tests(outputs: Outputs, ownership: SignedOwnership) -> tuple[NamedTests, ...]:
    """Return the recipes that a release names for the tests of what it adds, and when an owner signed each last.

    Raises as `Outputs`.
    """

    def signed(entry: ReleaseEntry) -> datetime | None:
        return ownership.last_signed(outputs.of(entry).recipe, entry.tested_by)

    return tuple(NamedTests(_build(entry, outputs), entry.tested_by, signed(entry)) for entry in outputs.change.put)


def _build(entry: ReleaseEntry, outputs: Outputs) -> TestedBuild:
    return TestedBuild(outputs.plan_of(entry), entry.name, entry.version, entry.revision)
