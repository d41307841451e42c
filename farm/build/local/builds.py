"""`farm build` without a farm: builds what is needed in order, on this machine, with its own store and key.

A plan that was built here is not built again; a dependency with an unchanged tree rebuilds nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.build.attempt.package_test import run_test
from farm.build.attempt.workshop import Workshop
from farm.build.kept.kept_builds import KeptBuilds
from farm.build.local.interfaces import compare_libraries
from farm.build.local.obtaining import Obtaining
from farm.build.local.ordering import Ordering
from farm.build.local.outcomes import Outcomes
from farm.build.local.reports import BuildProgress, Reports
from farm.build.local.toolchains import TreeToolchains
from farm.build.sources.fetch import SourceFetcher
from farm.container.attempt_directory import AttemptsRoot
from farm.container.empty_image import EmptyImage
from farm.container.janitor import Janitor
from farm.container.sandbox import Sandbox, connect
from farm.core.buildlog.excerpt import excerpt
from farm.core.comparison.rebuild import difference_of
from farm.core.fileset.manifest import Manifest
from farm.core.plan.graph import BuildGraph
from farm.core.plan.job import TestOrder
from farm.errors import in_lines
from farm.store.http.download import DownloadPolicy
from farm.store.private_directory import check_own
from farm.store.unpack import PackageCache
from farm.trust.keys.key_files import load_or_create_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from farm.build.local.interfaces import ComparedInterface
    from farm.build.local_state import LocalState
    from farm.container.sandbox_spec import Variation
    from farm.core.comparison.rebuild import PackageDifference
    from farm.core.names.digest import Digest
    from farm.core.names.platform import Platform
    from farm.core.package.descriptor import Descriptor
    from farm.core.plan.job import BuildOrder, BuiltPackage, TestOutcome
    from farm.core.plan.plan import Plan
    from farm.core.policy.tree import RecipeTree
    from farm.core.recipe.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A package, the tree digest of its second build, and how that differs from the first; None if it does not."""

    package: str
    second: Digest | None
    difference: PackageDifference | None


class LocalBuilds:
    """Builds, rebuilds and tests recipes of one tree. `files` is the content of the tree, by path."""

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
        kept_bytes: int = 10**10,
    ) -> None:
        """Connect to Docker, and clean up after killed attempts. `kept_bytes` is what kept builds may take in all.

        Raises `SandboxUnavailableError`, and `FarmError` (`not-own-directory`) where other users could change the
        packages that builds use.
        """
        check_own(state.packages.parent)
        self._tree = tree
        self._state = state
        self._reports = reports or Reports()
        self._graph = BuildGraph.of(tree.recipes)
        self._toolchains = TreeToolchains(tree, state.store, state.toolchains, self._reports.say)
        self._workshop = _workshop(state, self._toolchains, platform, docker, policy or DownloadPolicy())
        self._outcomes = Outcomes(self._graph, state.store)
        self._ordering = Ordering(tree, files, platform, self._toolchains, self._outcomes, state.store)
        self.kept = KeptBuilds.open(state.kept, kept_bytes)
        self.obtaining = Obtaining(self._workshop, state, self._reports, self.kept)

    def build(self, names: Iterable[str], *, tests: bool = False, runtime: bool = False) -> tuple[BuiltPackage, ...]:
        """Build the packages `names` and all that they need; return all packages of their recipes.

        `runtime` adds what programs need to run outside a build, `tests` what their tests need. Raises
        `UnknownRecipeError`, what pinning raises, and what `build` raises.
        """
        wanted = list(dict.fromkeys(self._graph.recipe_of(name) for name in names))
        needed = self._graph.needed_for(wanted, tests=tests)
        if runtime or tests:
            # Not together with `wanted`, so that the C library's own tests are not run.
            needed = self._graph.needed_for([*needed, *self._toolchains.runtime_of(wanted)])
        for number, name in enumerate(needed, 1):
            if name not in self._outcomes:
                order = self._ordering.order(self._tree.recipes[name])
                self._outcomes.add(name, self.obtaining.obtain(order, number, len(needed)))
        return tuple(package for name in wanted for package in self._outcomes[name].packages)

    def closure(self, names: Sequence[str]) -> tuple[BuiltPackage, ...]:
        """Build the packages `names`, and return them with all that they need to run.

        Raises as `build`, and `OpenSetError`.
        """
        self.build(names, runtime=True)
        return self._outcomes.closure(names)

    def test(self, names: Iterable[str]) -> Iterator[tuple[str, str, TestOutcome]]:
        """Run the tests of recipes; yields recipe, test name and outcome. Raises as `build`, `OpenSetError`."""
        wanted = list(dict.fromkeys(self._graph.recipe_of(name) for name in names))
        self.build(wanted, tests=True)
        for number, name in enumerate(wanted, 1):
            self._reports.progress(BuildProgress(name, "testing", number, len(wanted)))
            recipe = self._tree.recipes[name]
            own = [package.descriptor for package in self._outcomes[name].packages]
            roots = [descriptor.name.short for descriptor in own if descriptor.name.short in (name, f"{name}-tests")]
            for place, test in enumerate(recipe.tests, 1):
                packages = tuple(package.as_dependency() for package in self._outcomes.closure([*roots, *test.needs]))
                order = TestOrder(test, own[0].digest, packages, recipe.limits)
                with self.obtaining.attempt() as attempt:
                    outcome = run_test(order, self._workshop, attempt=attempt, log=self._reports.log)
                if not outcome.passed:
                    log = self._state.write_log(f"{name}-test-{place}", outcome.log)
                    message = f"{outcome.message}; its log is {log}"
                    found = self._state.first_error_of(outcome.log)
                    if found and found.sure:
                        message += in_lines(excerpt(found), len(found.context) + 1)
                    outcome = replace(outcome, message=message)
                yield name, test.name, outcome

    def rebuild(self, name: str, variation: Variation) -> tuple[Rebuilt, ...]:
        """Build a recipe a second time under other circumstances, and compare the packages; nothing is recorded."""
        first = {str(package.descriptor.name): package for package in self.build([name])}
        order = self._ordering.order(self.recipe(name))
        outcome = self.obtaining.build(order, replace(self._workshop, variation=variation))
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
        return compare_libraries(name, (before, after), self.obtaining, self._toolchains)

    def recipe(self, name: str) -> Recipe:
        """Return the recipe that makes a package. Raises `UnknownRecipeError`."""
        return self._tree.recipes[self._graph.recipe_of(name)]

    def plan(self, name: str) -> Plan:
        """Build what a recipe needs, and return its plan."""
        return self.order(name).plan

    def order(self, name: str) -> BuildOrder:
        """Build what a recipe needs, and return the order to build it."""
        recipe = self.recipe(name)
        self.build(self._graph.needs[recipe.name])
        return self._ordering.order(recipe)


def _workshop(
    state: LocalState, toolchains: TreeToolchains, platform: Platform, docker: str, policy: DownloadPolicy
) -> Workshop:
    """Return the workshop of this machine, after cleaning up after killed attempts."""
    client = connect(docker)
    attempts = AttemptsRoot.open(state.attempts, str(state.root.absolute()))
    Janitor(client, attempts).sweep()
    return Workshop(
        store=state.store,
        cache=PackageCache(state.packages),
        toolchains=toolchains.of_tree,
        sandbox=Sandbox(client, EmptyImage.of(platform).ensure(client), worker="local"),
        fetcher=SourceFetcher(state.store, policy, apt=toolchains.apt()),
        signer=load_or_create_key(state.key),
        attempts=attempts,
        obtain=state.store.size,  # nothing is fetched: it raises `MissingBlobError`
        jobs=os.cpu_count() or 1,
    )
