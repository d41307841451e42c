"""`farm build` without a farm: builds what is needed in order, on this machine, with its own store and key.

A plan that was built here is not built again; a dependency with an unchanged tree rebuilds nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from farm.build.attempt.package_test import run_test
from farm.build.kept.kept_builds import KeptBuilds
from farm.build.local.against import AgainstChannel
from farm.build.local.available_builds import AvailableBuilds, NotFetchedError
from farm.build.local.build_orders import BuildOrders
from farm.build.local.called_siblings import called_siblings
from farm.build.local.failed_test import explain_failed_test
from farm.build.local.open_sets import providers_named
from farm.build.local.order_builder import OrderBuilder
from farm.build.local.outcomes import Outcomes
from farm.build.local.reports import BuildAhead, BuildProgress, Reports, WorkAhead
from farm.build.local.short_license_texts import short_license_texts
from farm.build.local.toolchains import TreeToolchains
from farm.build.local.workshop import local_workshop
from farm.build.local_logs import of_test
from farm.build.sources.fetch_all import fetch_all, missing_sources
from farm.core.comparison.rebuild import difference_of
from farm.core.fileset.manifest import Manifest
from farm.core.lint.part_of_tree import graph_of
from farm.core.names.digest import ZEROS
from farm.core.plan.job import TestOrder
from farm.core.recipe.packages import made_packages
from farm.core.recipe.test_selection import select_tests
from farm.errors import in_lines
from farm.store.http.download_policy import DownloadPolicy
from farm.store.private_directory import check_own

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from farm.build.local.gates import GateVerdicts
    from farm.build.local.interfaces import ComparedInterface
    from farm.build.local.outcomes import State
    from farm.build.local.published import PublishedBuilds
    from farm.build.local_state import LocalState
    from farm.container.sandbox_spec import Variation
    from farm.core.buildlog.error_kind import ErrorKind
    from farm.core.comparison.rebuild import PackageDifference
    from farm.core.names.digest import Digest
    from farm.core.names.platform import Platform
    from farm.core.package.descriptor import Descriptor
    from farm.core.plan.job import BuildOrder, BuiltPackage, TestOutcome
    from farm.core.plan.plan import Plan
    from farm.core.policy.tree import RecipeTree
    from farm.core.recipe.recipe import Recipe, Test


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A package, the tree digest of its second build, and how that differs from the first; None if it does not."""

    package: str
    second: Digest | None
    difference: PackageDifference | None


class LocalBuilds:
    """Builds, rebuilds and tests recipes of one tree. `files` is the content of the tree, by path.

    `published` are the builds of a channel: where it has the build of a plan, that is taken. With `against_newest`,
    its newest packages are taken for all that is below the recipes asked for, whatever the tree says of them.
    """

    def __init__(
        self,
        tree: RecipeTree,
        files: Mapping[str, bytes],
        state: LocalState,
        *,
        platform: Platform,
        docker: str = "",
        policy: DownloadPolicy | None = None,
        reports: Reports | None = None,
        kept_bytes: int,
        published: PublishedBuilds | None = None,
        against_newest: bool = False,
    ) -> None:
        """Connect to Docker, and clean up after killed attempts. `kept_bytes` is what kept builds may take in all.

        Raises `SandboxUnavailableError`, and `FarmError` (`not-own-directory`) where other users could change the
        packages that builds use; with `against_newest`, what opening the channel raises.
        """
        check_own(state.packages.parent)
        self._tree = tree
        self._files = files
        self._state = state
        self._reports = reports or Reports()
        self._graph = graph_of(tree)
        self._toolchains = TreeToolchains(
            tree, state.store, state.toolchains, self._reports.say, self._reports.toolchain
        )
        workshop = local_workshop(state, self._toolchains, platform, docker, policy or DownloadPolicy())
        self._workshop = replace(workshop, doing=self._reports.doing)
        self._outcomes = Outcomes(self._graph, state.store)
        self._orders = BuildOrders(tree, files, platform, self._toolchains, self._outcomes, state.store)
        self.kept = KeptBuilds.open(state.kept, kept_bytes, self._reports.say)
        self._available = AvailableBuilds(self._workshop, state, self._reports, published)
        self.builder = OrderBuilder(
            self._workshop, state, self._reports, self.kept, self._available.provider_of, self._toolchain_with
        )
        self._against = AgainstChannel(published, self._graph) if published and against_newest else None
        self.against = self._against.release if self._against else ""
        """The release whose newest packages are taken whatever their plans; usually empty."""

    @property
    def states(self) -> Mapping[str, State]:
        """How the packages of each recipe were obtained so far."""
        return self._outcomes.states

    @property
    def built_against(self) -> str:
        """The release whose newest packages something was built with on this machine; usually empty."""
        found = self._against and any(self._against.unpublished(self._outcomes, self._state))
        return self.against if found else ""

    def build(self, names: Iterable[str]) -> tuple[BuiltPackage, ...]:
        """Build the packages `names` and all that they need; return all packages of their recipes.

        Raises `UnknownRecipeError`, `SourcesNotFetchedError`, what pinning raises, and what `build` raises.
        """
        wanted = self._recipes_of(names)

        def made() -> Iterator[BuiltPackage]:
            return (package for name in wanted for package in self._outcomes[name])

        self._obtain(self._needed(wanted), made, wanted=wanted)
        return tuple(made())

    def fetch(self, names: Iterable[str]) -> tuple[str, ...]:
        """Fetch the sources of everything that has to be built for the packages `names`, and build nothing.

        Returns the recipes that would have to be built, as far as that is known. Raises as `build`.
        """
        needed = self._needed(self._recipes_of(names))
        self._prepare(needed)
        return tuple(name for name in needed if name not in self._outcomes)

    def closure(self, names: Sequence[str]) -> tuple[BuiltPackage, ...]:
        """Build the packages `names`, and return them with all that they need to run.

        Raises as `build`, and `OpenSetError`, which names packages that are known to provide what is lacking.
        """
        wanted = self._recipes_of(names)
        with providers_named(self._available.provider_of):
            self._obtain(self._needed(wanted, runtime=True), lambda: self._outcomes.closure(names), wanted=wanted)
            return self._outcomes.closure(names)

    def tests(self, names: Iterable[str], *, only: Sequence[str] = ()) -> dict[str, tuple[Test, ...]]:
        """Return the tests of recipes by recipe; with `only`, those of these names or globs.

        Raises `UnknownRecipeError`, `UnknownTestError`.
        """
        return select_tests([self._tree.recipes[name] for name in self._recipes_of(names)], only)

    def test(self, names: Iterable[str], *, only: Sequence[str] = ()) -> Iterator[tuple[str, str, TestOutcome]]:
        """Run the tests of recipes, as `tests` selects them; yields recipe, test name and outcome.

        Only what these tests need is built. Each runs as soon as its own needs are there: of a recipe, first those of
        which nothing has to be built. Raises as `tests`, `build`, `OpenSetError`.
        """
        chosen = self.tests(names, only=only)
        wanted = tuple(chosen)
        every = self._needed_to_test(wanted, [test for tests in chosen.values() for test in tests], wanted)
        self._say_what_is_ahead(every, self._prepare(every), wanted, tests=True)
        for number, (name, tests) in enumerate(chosen.items(), 1):
            shown = -1
            needed = {test: self._needed_to_test([name], [test], wanted) for test in tests}
            for test in sorted(tests, key=lambda test: sum(need not in self._outcomes for need in needed[test])):
                self._obtain(needed[test], partial(self._around, name, test), among=every)
                if shown != len(self._outcomes.states):  # what was obtained has lines of its own
                    shown = len(self._outcomes.states)
                    self._reports.progress(BuildProgress(name, "testing", number, len(chosen)))
                yield name, test.name, self._test(name, test)

    def _needed_to_test(self, names: Sequence[str], tests: Iterable[Test], wanted: Sequence[str]) -> tuple[str, ...]:
        # A need without a recipe is of another distribution, or a capability.
        needs = {need for test in tests for need in test.needs} & self._graph.makes.keys()
        return self._needed(names, also=needs, runtime=True, wanted=wanted)

    def _test(self, name: str, test: Test) -> TestOutcome:
        """Run a test of a recipe. Logs are there of tests that fail, and while one runs."""
        packages = tuple(package.as_dependency() for package in self._around(name, test))
        order = TestOrder(test, self._outcomes[name][0].descriptor.digest, packages, self._tree.recipes[name].limits)
        kind, logs, lines = of_test(test.name), self._state.logs, list[str]()
        with self.builder.attempt() as attempt, logs.begin(name, kind, self._reports.log) as log:
            outcome = run_test(order, self._workshop, attempt=attempt, log=log, differs=lines.extend)
        if outcome.passed:
            logs.remove(name, kind)
            return outcome
        where = f"; its log is {log.place}" if log.place else ""
        message = f"{outcome.message}{where}{in_lines(lines, len(lines))}"
        why = explain_failed_test(outcome.log, self._state, self._available.provider_of)
        return replace(outcome, message=message + why)

    def judge_gates(self, name: str) -> GateVerdicts:
        """Return what the gates of the tree's channels say of the packages of a recipe, which was tested before."""
        from farm.build.local.gates import judge_gates  # noqa: PLC0415  # only `farm test` judges

        self._obtain(self._needed_to_test([name], (), [name]), lambda: ())  # it may have no test
        return judge_gates(self.recipe(name), self._outcomes, self._tree.channels.values(), self._state.store)

    def rebuild(self, name: str, variation: Variation) -> tuple[Rebuilt, ...]:
        """Build a recipe a second time under other circumstances, and compare the packages; nothing is recorded."""
        recipe = self.recipe(name)
        order = self.order(name)
        self._obtain(self._needed([recipe.name]), lambda: ())
        first = {str(package.descriptor.name): package for package in self._outcomes[recipe.name]}
        outcome = self.builder.build(order, replace(self._workshop, variation=variation))
        second = {str(package.descriptor.name): package for package in outcome.packages}
        return tuple(self._rebuilt(name, first.get(name), second.get(name)) for name in sorted(first | second))

    def _rebuilt(self, name: str, first: BuiltPackage | None, second: BuiltPackage | None) -> Rebuilt:
        found = None
        if not (first and second and first.descriptor == second.descriptor):  # or 40,000 files are not read
            found = difference_of(name, self._described(first), self._described(second))
        return Rebuilt(name, second.descriptor.tree if second else None, found)

    def _described(self, package: BuiltPackage | None) -> tuple[Descriptor, Manifest] | None:
        if package is None:
            return None
        return package.descriptor, Manifest.from_json(self._state.store.read(package.manifest.digest))

    def compare_libraries(self, name: str, before: Digest, after: Digest) -> Iterator[ComparedInterface]:
        """Compare the interfaces of a package's libraries in the builds of two plans, by their debug data.

        Raises as `farm.build.local.interfaces.compare_libraries`.
        """
        from farm.build.local.interfaces import compare_libraries  # noqa: PLC0415  # only `farm diff` compares

        return compare_libraries(name, (before, after), self.builder, self._toolchains)

    def recipe(self, name: str) -> Recipe:
        """Return the recipe that makes a package. Raises `UnknownRecipeError`."""
        return self._tree.recipes[self._graph.recipe_of(name)]

    def plan(self, name: str) -> Plan:
        """Return the plan of a recipe. What it needs is built first, unless its outcome is known. Raises as `build`."""
        recipe = self.recipe(name)
        self._obtain([other for other in self._needed([recipe.name]) if other != recipe.name], lambda: ())
        return self._orders.order(recipe).plan

    def order(self, name: str) -> BuildOrder:
        """Build or fetch what a recipe needs, and return the order to build it. Raises as `build`."""
        recipe = self.recipe(name)
        needed = [other for other in self._needed([recipe.name]) if other != recipe.name]
        self._obtain(needed, lambda: self._outcomes.dependencies_of(recipe))
        return self._orders.order(recipe)

    def _toolchain_with(self, recipe: str, kind: ErrorKind, subject: str) -> str:
        own = self._tree.recipes.get(recipe)  # a build of a farm's job may have none here
        return self._toolchains.with_missing(kind, subject, besides=own.toolchain if own else "")

    def _recipes_of(self, names: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(self._graph.recipe_of(name) for name in names))

    def _needed(
        self, names: Sequence[str], *, also: Iterable[str] = (), runtime: bool = False, wanted: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """Return the recipes whose packages are needed to build `names`, and with them the packages `also`.

        With `runtime`, also to run them outside a build. `wanted` are all recipes that were asked for, if there are
        others: no channel's packages are taken for them.
        """

        def is_given(name: str) -> bool:
            return self._against is not None and name not in (wanted or names) and self._against.has(name)

        needed = self._graph.needed_for([*names, *also], is_given=is_given)
        if runtime:
            # Not together with `wanted`, so that the C library's own tests are not run.
            needed = self._graph.needed_for([*needed, *self._toolchains.runtime_of(names)], is_given=is_given)
        if self._against:
            self._take_newest(self._against, [name for name in needed if is_given(name) and name not in self._outcomes])
        return needed

    def _take_newest(self, against: AgainstChannel, recipes: Sequence[str]) -> None:
        """Take the newest packages of these recipes, whatever their plans, with all that they need at run time."""
        newest = against.take([self._tree.recipes[name] for name in recipes])
        self._outcomes.beside |= newest
        for number, name in enumerate(recipes, 1):
            made = made_packages(self._tree.recipes[name])
            self._outcomes.add(name, tuple(newest[package] for package in made if package in newest), "fetched")
            self._reports.progress(BuildProgress(name, "fetched", number, len(recipes)))

    def _around(self, name: str, test: Test) -> tuple[BuiltPackage, ...]:
        """Return the packages that a test of a recipe has around it."""
        own = [package.descriptor.name.short for package in self._outcomes[name]]
        roots = [package for package in own if package in (name, f"{name}-tests")]
        return self._outcomes.closure([*roots, *test.needs])

    def _obtain(
        self,
        needed: Sequence[str],
        here: Callable[[], Iterable[BuiltPackage]],
        *,
        wanted: Sequence[str] = (),
        among: Sequence[str] = (),
    ) -> None:
        """Obtain the outcomes of the recipes `needed`; then the archives of the packages `here` are in the store.

        What cannot be fetched after all is built. `wanted` are the recipes that a person asked for, if what is built
        before them is to be reported; `among` all recipes that are counted, if there are others.
        """
        while True:
            try:
                to_build = self._prepare(needed, among)
                self._say_what_is_ahead(needed, to_build, wanted)
                for name in needed:
                    if name in self._outcomes:
                        continue
                    if name in to_build or not self._is_known(name, among or needed):
                        self._build(name, among or needed)
                self._available.bring((package.as_dependency() for package in here()), unpacked=False)
            except NotFetchedError as error:
                if self._against:
                    raise
                self._reports.say(f"{error.message}. It is built instead.")
                self._outcomes.forget()
            else:
                return

    def _prepare(self, needed: Sequence[str], among: Sequence[str] = ()) -> set[str]:
        """Learn what is known already, and fetch the sources of all that may have to be built.

        Returns the recipes that have to be; whether those above them have to be is known later.
        """
        # Who writes zeros as a digest waits for the right one, and not for a toolchain that is made before.
        self._fetch_missing([self._tree.recipes[name] for name in needed if _lacks_digest(self._tree.recipes[name])])
        self._available.look_ahead(package for name in needed for package in made_packages(self._tree.recipes[name]))
        to_build = set()
        for name in needed:
            if name in self._outcomes or not all(need in self._outcomes for need in self._graph.needs[name]):
                continue  # the plan of what is above an unknown outcome is known only when that is
            if not self._is_known(name, among or needed):
                to_build.add(name)
        self._fetch_missing([self._tree.recipes[name] for name in needed if name not in self._outcomes])
        return to_build

    def _fetch_missing(self, recipes: Sequence[Recipe]) -> None:
        if missing := missing_sources(recipes, self._workshop.store):
            with self._reports.sources(len(missing)) as progress:
                fetch_all(missing, self._files, self._workshop.fetcher.fresh(), progress)

    def _say_what_is_ahead(
        self, needed: Sequence[str], to_build: set[str], wanted: Sequence[str], *, tests: bool = False
    ) -> None:
        """Report what is built before the recipes that were asked for, if anything is."""
        first = [name for name in needed if name not in self._outcomes and (tests or name not in wanted)]
        if wanted and first:
            builds = (BuildAhead(name, name in to_build, self._available.seconds_of(name)) for name in first)
            self._reports.ahead(WorkAhead(tuple(wanted), tests, tuple(builds)))

    def _number(self, needed: Sequence[str]) -> int:
        """Return the number of the recipe that comes next, as they are obtained: those that are known come first."""
        return 1 + sum(name in self._outcomes for name in needed)

    def _is_known(self, name: str, needed: Sequence[str]) -> bool:
        """Record the outcome of a recipe that need not be built, and return whether there is one."""
        known = self._available.known(self._orders.order(self._tree.recipes[name]))
        if known:
            (outcome, state), number = known, self._number(needed)
            self._outcomes.add(name, outcome.packages, state)
            self._reports.progress(BuildProgress(name, state, number, len(needed)))
        return known is not None

    def _build(self, name: str, needed: Sequence[str]) -> None:
        number, total = self._number(needed), len(needed)
        order = self._orders.order(self._tree.recipes[name])
        self._available.bring(order.archives)
        started = time.monotonic()
        progress = BuildProgress(name, "building", number, total)
        against = self.against if self._against and self._against.is_below(name) else ""
        outcome = self.builder.make(order, progress, against=against)
        self._outcomes.add(name, outcome.packages, "built")
        self._reports.progress(BuildProgress(name, "built", number, total, time.monotonic() - started))
        for find in (short_license_texts, called_siblings):
            for note in find(outcome.packages, self._state.store):
                self._reports.say(note)


def _lacks_digest(recipe: Recipe) -> bool:
    return any(source.digest == ZEROS for source in recipe.sources)
