"""Checks that the tests that a channel's signed policy requires have passed, by signed results of listed testers.

The tests, and the packages present in each, are worked out here from the proven set and from the recipes that the
release names. A test that fails may have failed on the set before already: then that result is signed too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.checker.builds.plans import UnreadableRecipeError
from farm.checker.gates.test_results import ListedResults, identity
from farm.checker.reading.published_documents import PublishedDocuments
from farm.checker.reading.refusal import Faults, RefusedReleaseError, first_of
from farm.checker.reading.test_record import PassedTest
from farm.core.sets.members.member import is_imported
from farm.core.sets.proof.test_closures import NeedIndex, Unrunnable, test_closures, tested_names
from farm.trust.index.tree import IndexTree, difference

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from farm.checker.builds.known_builds import ReleaseContext
    from farm.checker.builds.plans import Plans
    from farm.checker.gates.newest_tests import NewestTests
    from farm.checker.reading.test_record import TestRecord
    from farm.core.names.digest import Digest
    from farm.core.policy.gates.set_gates import TestScope
    from farm.core.recipe.recipe import Limits, Recipe, Test
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.closure import MemberSet
    from farm.core.sets.proof.trial import TrialSet
    from farm.store.blobs import BlobStore
    from farm.trust.index.release_index import Release, ReleaseEntry


@dataclass(frozen=True, slots=True)
class _Expected:
    """A test as it must have been ordered: its name, its package, the packages present, and its limits."""

    test: Test
    subject: Digest
    closure: tuple[Member, ...]
    limits: Limits

    @property
    def identity(self) -> Digest:
        """What all orders of this test have in common."""
        there = [
            (member.descriptor.store_path, member.descriptor.digest, member.descriptor.tree) for member in self.closure
        ]
        return identity(self.test, self.subject, self.limits, there)


@dataclass(frozen=True, slots=True)
class _Failing:
    """A test of a release that has not passed; `plan` is that of its package, which the release `moves`, or has had."""

    recipe: Recipe
    expected: _Expected | Unrunnable
    plan: Digest
    moves: bool

    @property
    def name(self) -> str:
        return _name(self.expected)

    @property
    def label(self) -> str:
        return f"{self.name!r} of {self.recipe.name}"


@dataclass(frozen=True, slots=True)
class _Known:
    """The needs of a release's tests, as far as these `steps` can read its recipes; `unread` are the others."""

    release: Release
    index: NeedIndex
    steps: tuple[Digest, ...]
    unread: Mapping[str, ReleaseEntry]


class _NeedsNow(NeedIndex):
    """An earlier index, left unchanged, with other needs for the tests of some packages."""

    def __init__(self, before: NeedIndex, named: Mapping[str, frozenset[str]]) -> None:
        super().__init__()
        self._before = before
        self._named = named.keys()
        for name, needs in named.items():
            self.put(name, needs)

    def of(self, name: str) -> Collection[str]:
        return super().of(name) if name in self._named else self._before.of(name)

    def users(self, names: Iterable[str]) -> set[str]:
        wanted = tuple(names)
        return (self._before.users(wanted) - self._named) | super().users(wanted)


class ReleasedTests:
    """The needs of the tests in the newest set of each channel. For one thread."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._read = PublishedDocuments(blobs).blob
        self._known: dict[str, _Known] = {}

    def check(
        self, case: ReleaseContext, scope: TestScope, trial: TrialSet, newest: NewestTests
    ) -> tuple[PassedTest, ...]:
        """Check that each required test has passed on the set that is placed, or had failed on its base too.

        `newest` decides whether the recipes are the newest. Return the tests that have passed.
        Raises `RefusedReleaseError`, also when a recipe cannot be read,
        `MissingBlobError` and the like.
        """
        release, previous, plans = case.release, case.previous, case.plans
        results = ListedResults(case.brought.tests, case.builders, release.channel, self._blobs)
        index = self._needs_now(release, previous, plans) if previous else NeedIndex()
        changes = dict(trial.placed)
        now = _Tests(IndexTree(self._read, release.index), plans, trial)
        wanted = list(now.expected(tested_names(scope, trial, changes, index), changes))
        newest.check(entry for name in sorted(now.counting) if (entry := now.tree.entry(name)))
        passed = results.passed(
            PassedTest(test.identity, package=recipe.name, name=test.test.name)
            for recipe, test in wanted
            if isinstance(test, _Expected)
        )
        green = {test.test for test in passed}
        failing = [
            _Failing(recipe, test, trial.members[recipe.name].descriptor.plan, recipe.name in changes)
            for recipe, test in wanted
            if isinstance(test, Unrunnable) or test.identity not in green
        ]
        if not failing:
            return passed
        past = _Past(newest.record, release.channel, results)
        trial.place({})  # its base, on which a test may have failed as well
        try:
            before = _Tests(IndexTree(self._read, previous.index), plans, trial) if previous else None
            _check_failing(release, failing, before, past)
        finally:
            trial.place(changes)
        return passed

    def _needs_now(self, release: Release, previous: Release, plans: Plans) -> NeedIndex:
        """Return the needs of a release's tests: as in the one before, except for what changes."""
        put = difference(self._read, previous.index, release.index).put
        named = {entry.name: _needs_of(entry, plans) or frozenset() for entry in put}
        return _NeedsNow(self._needs(previous, plans), named)

    def _needs(self, previous: Release, plans: Plans) -> NeedIndex:
        known = self._known.get(previous.channel)
        index, unread = (known.index, dict(known.unread)) if known else (NeedIndex(), {})
        change = difference(self._read, known.release.index if known else None, previous.index)
        for name in change.removed:
            index.put(name, frozenset())
            unread.pop(name, None)
        # The signed steps decide whether a recipe can be read.
        again = unread if known and known.steps != plans.steps else {}
        for entry in (again | {entry.name: entry for entry in change.put}).values():
            needs = _needs_of(entry, plans)
            index.put(entry.name, needs or frozenset())
            unread.pop(entry.name, None)
            if needs is None:
                unread[entry.name] = entry
        self._known[previous.channel] = _Known(previous, index, plans.steps, unread)
        return index


@dataclass(frozen=True, slots=True)
class _Past:
    """The tests that have passed for earlier releases of a channel: nobody can suppress those results any more."""

    record: TestRecord
    channel: str
    results: ListedResults

    def has_passed(self, test: Digest) -> bool:
        """Return whether enough of the present testers had passed a test then."""
        return len(self.record.testers_of(self.channel, test) & self.results.testers.keys()) >= self.results.needed

    def was_red(self, test: Digest) -> bool:
        """Return whether testers have signed that a test failed on the base, and not that it passed."""
        results = self.results
        return not self.has_passed(test) and results.agree(test, passed=False) and not results.agree(test, passed=True)

    def could_be_run(self, failing: _Failing) -> bool:
        """Return whether a test of this name has passed for any release: then the test itself is not broken."""
        return self.record.has_ever_passed(self.channel, failing.recipe.name, failing.name)


class _Tests:
    """The tests of the packages of one set, by the recipes that its release names."""

    def __init__(self, tree: IndexTree, plans: Plans, members: MemberSet) -> None:
        self.tree = tree
        self._plans = plans
        self._members = members
        self.counting: set[str] = set()
        """The packages whose own entries name the recipes that tests were taken from."""

    def expected(self, names: Collection[str], new: Collection[str]) -> Iterator[tuple[Recipe, _Expected | Unrunnable]]:
        """Yield the tests of these packages; those of a recipe once, for the package of its name.

        A `new` package is tested by the recipe that its own entry names: that of another build may lack its tests.
        """
        seen: set[tuple[str, Digest]] = set()
        for name in sorted(name for name in names if not is_imported(name)):  # their own distribution tests them
            recipe = self.recipe_of(name)
            if recipe is None or (main := self._members.members.get(recipe.name)) is None:
                continue
            subject, plan = recipe.name, self._members.members[name].descriptor.plan
            # Another build is present if an order permits it, or the source has it so: then its tests count.
            counting = name if name in new and main.descriptor.plan == plan else subject
            asked = self.recipe_of(counting)
            if asked is not None and (subject, asked.digest) not in seen:
                seen.add((subject, asked.digest))
                self.counting.add(counting)
                yield from self._of(asked, subject)

    def of(self, failing: _Failing) -> Iterator[_Expected | Unrunnable]:
        """Yield the tests of the package that a recipe is named for; none where this set does not have it."""
        name = failing.recipe.name
        recipe = self.recipe_of(name)
        if recipe is None:
            return
        # Of one build the tests of the newer recipe count: another name of the recipe changes nothing of the package.
        same = self._members.members[name].descriptor.plan == failing.plan
        yield from (test for _, test in self._of(failing.recipe if same else recipe, name))

    def _of(self, recipe: Recipe, name: str) -> Iterator[tuple[Recipe, _Expected | Unrunnable]]:
        subject = self._members.members[name].descriptor.digest
        for test, closure in test_closures(recipe, self._members):
            if isinstance(closure, Unrunnable):
                yield recipe, closure
            else:
                yield recipe, _Expected(test, subject, closure, recipe.limits)

    def recipe_of(self, name: str) -> Recipe | None:
        entry = self.tree.entry(name)
        return self._plans.read(entry.tested_by, entry.name) if entry else None


def _check_failing(release: Release, failing: Iterable[_Failing], before: _Tests | None, past: _Past) -> None:
    """Check that each of these tests had failed on the base as well.

    Only the set decides whether a test can be run there. One that cannot counts as failed, but not for a package that
    moves itself if the test has passed before: otherwise an attacker would remove what the test needs first, and then
    release what it would have found. That is the fault of this package alone, so the error names it.
    """
    faults, missing = Faults(), []
    for test in failing:
        was = next((other for other in before.of(test) if _name(other) == test.name), None) if before else None
        if isinstance(was, Unrunnable) and test.moves and past.could_be_run(test):
            with faults.of(test.recipe.name):
                why = f"which has passed before and cannot be run on the release before: {was.reason}"
                raise _untested(release, past.results.needed, [f"{test.label}, {why}"])
        elif not isinstance(was, Unrunnable) and not (was is not None and past.was_red(was.identity)):
            missing.append(test.label)
    if missing:
        raise _untested(release, past.results.needed, missing)
    faults.check()


def _untested(release: Release, needed: int, missing: Sequence[str]) -> RefusedReleaseError:
    testers = "a listed tester" if needed == 1 else f"{needed} listed testers"
    return RefusedReleaseError(
        f"release {release.number} of {release.channel} needs a result of {testers} for each of its tests, and "
        f"these tests have no passing result: {first_of(missing)}",
        remedy="Let listed testers (see `farm keys show`) run them with exactly the packages of the release.",
        code="untested-release",
    )


def _name(expected: _Expected | Unrunnable) -> str:
    return expected.test if isinstance(expected, Unrunnable) else expected.test.name


def _needs_of(entry: ReleaseEntry, plans: Plans) -> frozenset[str] | None:
    """Return what the tests of a package need; None if its steps are no longer signed, so that none can be ordered."""
    try:
        recipe = plans.read(entry.tested_by, entry.name)
    except UnreadableRecipeError:
        return None
    if recipe.name != entry.name:
        return frozenset()
    return frozenset(need for test in recipe.tests for need in test.needs)
