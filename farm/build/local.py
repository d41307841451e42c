"""`farm build` without a farm: builds what is needed in order, on this machine, with its own store and key.

A plan that was built here is not built again; a dependency with an unchanged tree rebuilds nothing.
"""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from farm.build.attempt.build import build
from farm.build.attempt.errors import BuildFailedError
from farm.build.attempt.package_test import run_test
from farm.build.attempt.workshop import Workshop
from farm.build.sources.fetch import SourceFetcher
from farm.build.toolchain.apt import Apt
from farm.build.toolchain.apt_sources import NoSignedSourceError
from farm.build.toolchain.toolchain import ensure_toolchain_within_suite
from farm.container.attempt_directory import AttemptDirectory, AttemptsRoot
from farm.container.empty_image import EmptyImage
from farm.container.janitor import Janitor
from farm.container.sandbox import Sandbox, connect
from farm.core.fileset.manifest import Manifest
from farm.core.package.facts import PackageFacts
from farm.core.plan.graph import BuildGraph
from farm.core.plan.job import BuildOrder, TestOrder
from farm.core.plan.pin import pin, source_origins
from farm.core.plan.plan import PlannedDependency
from farm.core.policy.tree import files_beside
from farm.core.sets.members.member import Member
from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.closure import build_closure, closure, from_toolchain
from farm.store.http.download import DownloadPolicy
from farm.store.private_directory import check_own
from farm.store.unpack import PackageCache
from farm.trust.keys.key_files import load_or_create_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from farm.build.local_state import LocalState
    from farm.build.toolchain.toolchain import Toolchain
    from farm.container.log_record import LogRecord
    from farm.container.sandbox_spec import Variation
    from farm.core.names.digest import Digest
    from farm.core.names.platform import Platform
    from farm.core.plan.job import BuildOutcome, BuiltPackage, TestOutcome
    from farm.core.plan.plan import Plan
    from farm.core.policy.tree import RecipeTree
    from farm.core.recipe.recipe import Recipe


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """The progress of a local build: `number` of `total` recipes. `seconds` is the time of a `built` recipe."""

    recipe: str
    state: Literal["building", "built", "kept", "testing"]
    number: int
    total: int
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A package and the tree digests of its two builds."""

    package: str
    first: Digest
    second: Digest


@dataclass(frozen=True)
class Reports:
    """What is called with the progress, the log and notes of a local build."""

    progress: Callable[[BuildProgress], None] = lambda _: None
    log: Callable[[LogRecord], None] = lambda _: None
    say: Callable[[str], None] = lambda _: None


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
    ) -> None:
        """Connect to Docker, and clean up after killed attempts.

        Raises `SandboxUnavailableError`, and `FarmError` (`not-own-directory`) where other users could change the
        packages that builds use.
        """
        check_own(state.packages.parent)
        self._tree = tree
        self._files = files
        self._state = state
        self._platform = platform
        self._reports = reports or Reports()
        self._graph = BuildGraph.of(tree.recipes)
        self._toolchains: dict[str, Toolchain] = {}
        self._outcomes: dict[str, BuildOutcome] = {}
        client = connect(docker)
        attempts = AttemptsRoot.open(state.attempts, str(state.root.absolute()))
        Janitor(client, attempts).sweep()
        image = EmptyImage.of(platform).ensure(client)
        self._workshop = Workshop(
            store=state.store,
            cache=PackageCache(state.packages),
            toolchains=self._toolchain_of_tree,
            sandbox=Sandbox(client, image, worker="local"),
            fetcher=SourceFetcher(state.store, policy or DownloadPolicy(), apt=self._apt()),
            signer=load_or_create_key(state.key),
            attempts=attempts,
            obtain=state.store.size,  # nothing is fetched: it raises `MissingBlobError`
            jobs=os.cpu_count() or 1,
        )

    def build(self, names: Iterable[str], *, tests: bool = False, runtime: bool = False) -> tuple[BuiltPackage, ...]:
        """Build the packages `names` and all that they need; return all packages of their recipes.

        `runtime` adds what programs need to run outside a build, `tests` what their tests need. Raises
        `UnknownRecipeError`, what pinning raises, and what `build` raises.
        """
        wanted = list(dict.fromkeys(self._graph.recipe_of(name) for name in names))
        needed = self._graph.needed_for(wanted, tests=tests)
        if runtime or tests:
            # Not together with `wanted`, so that the C library's own tests are not run.
            needed = self._graph.needed_for([*needed, *self._runtime(wanted)])
        for number, name in enumerate(needed, 1):
            if name not in self._outcomes:
                self._outcomes[name] = self._ensure(self._tree.recipes[name], number, len(needed))
        return tuple(package for name in wanted for package in self._outcomes[name].packages)

    def closure(self, names: Sequence[str]) -> tuple[BuiltPackage, ...]:
        """Build the packages `names`, and return them with all that they need to run.

        Raises as `build`, and `OpenSetError`.
        """
        self.build(names, runtime=True)
        return self._closed(names)

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
                packages = tuple(package.as_dependency() for package in self._closed([*roots, *test.needs]))
                order = TestOrder(test, own[0].digest, packages, recipe.limits)
                with self._attempt() as attempt:
                    outcome = run_test(order, self._workshop, attempt=attempt, log=self._reports.log)
                if not outcome.passed:
                    log = self._state.write_log(f"{name}-test-{place}", outcome.log)
                    outcome = replace(outcome, message=f"{outcome.message}; its log is {log}")
                yield name, test.name, outcome

    def rebuild(self, name: str, variation: Variation) -> tuple[Rebuilt, ...]:
        """Build a recipe a second time under other circumstances, and compare the trees; nothing is recorded."""
        recipe = self._tree.recipes[self._graph.recipe_of(name)]
        first = self.build([name])
        outcome = self._build(self._order(recipe), replace(self._workshop, variation=variation))
        second = {str(package.descriptor.name): package.descriptor.tree for package in outcome.packages}
        return tuple(
            Rebuilt(name, tree, second[name])
            for name, tree in ((str(package.descriptor.name), package.descriptor.tree) for package in first)
        )

    def recipe(self, name: str) -> Recipe:
        """Return the recipe that makes a package. Raises `UnknownRecipeError`."""
        return self._tree.recipes[self._graph.recipe_of(name)]

    def plan(self, name: str) -> Plan:
        """Build what a recipe needs, and return its plan."""
        recipe = self._tree.recipes[self._graph.recipe_of(name)]
        self.build(self._graph.needs[recipe.name])
        return self._order(recipe).plan

    def _ensure(self, recipe: Recipe, number: int, total: int) -> BuildOutcome:
        order = self._order(recipe)
        plan = order.plan.digest
        kept = self._state.outcome(plan)
        if kept is not None:
            self._reports.progress(BuildProgress(recipe.name, "kept", number, total))
            return kept
        self._reports.progress(BuildProgress(recipe.name, "building", number, total))
        started = time.monotonic()
        outcome = self._build(order, self._workshop)
        self._state.record(plan, outcome)
        self._reports.progress(BuildProgress(recipe.name, "built", number, total, time.monotonic() - started))
        return outcome

    def _build(self, order: BuildOrder, workshop: Workshop) -> BuildOutcome:
        with self._attempt() as attempt:
            try:
                return build(order, workshop, attempt=attempt, log=self._reports.log)
            except BuildFailedError as error:
                if error.log:
                    error.remedy += f" The whole log is {self._state.write_log(order.plan.name.short, error.log)}."
                raise

    def _order(self, recipe: Recipe) -> BuildOrder:
        for content in files_beside(self._files, recipe.name).values():
            self._workshop.store.put_bytes(content)
        toolchain = self._toolchain(recipe.toolchain)
        dependencies = self._dependencies(recipe)
        plan = pin(
            recipe,
            distribution=self._tree.distribution.domain,
            platform=self._platform,
            toolchain=toolchain.tree,
            toolchain_debs=toolchain.debs,
            dependencies=[
                PlannedDependency(
                    package.descriptor.name,
                    package.descriptor.version,
                    package.descriptor.tree,
                    direct=package.descriptor.name.short in recipe.build_needs,
                )
                for package in dependencies
            ],
        )
        archives = tuple(package.as_dependency() for package in dependencies)
        origins = source_origins(recipe, toolchain.debs, toolchain.lock)
        return BuildOrder(plan, recipe.digest, origins, recipe.limits, archives)

    def _dependencies(self, recipe: Recipe) -> tuple[BuiltPackage, ...]:
        packages = self._built(self._graph.needed_for(self._graph.needs[recipe.name]))
        members = [self._member(package) for package in packages.values()]
        found = build_closure(PackageSet.of(members), recipe.build_needs, given=from_toolchain(members))
        return tuple(packages[member.name] for member in found)

    def _closed(self, roots: Iterable[str]) -> tuple[BuiltPackage, ...]:
        packages = self._built(self._outcomes)
        whole = PackageSet.of(self._member(package) for package in packages.values())
        return tuple(packages[member.name] for member in closure(whole, roots))

    def _built(self, recipes: Iterable[str]) -> dict[str, BuiltPackage]:
        """Return the packages that these recipes made, by short name."""
        made = (package for recipe in recipes for package in self._outcomes[recipe].packages)
        return {package.descriptor.name.short: package for package in made}

    def _member(self, package: BuiltPackage) -> Member:
        store = self._workshop.store
        facts = PackageFacts.from_json(store.read(package.facts.digest))
        return Member.of(package.descriptor, facts, Manifest.from_json(store.read(package.manifest.digest)))

    def _runtime(self, recipes: Iterable[str]) -> list[str]:
        toolchains = {self._tree.recipes[name].toolchain for name in recipes}
        return sorted({package for name in toolchains for package in self._tree.toolchains[name].runtime})

    def _toolchain(self, name: str) -> Toolchain:
        if name not in self._toolchains:
            self._toolchains[name] = ensure_toolchain_within_suite(
                self._tree.toolchains[name],
                self._tree.lock_of(name),
                self._workshop.store,
                self._state.toolchains,
                say=self._reports.say,
            )
        return self._toolchains[name]

    def _toolchain_of_tree(self, tree: Digest) -> Toolchain:
        return next(toolchain for toolchain in self._toolchains.values() if toolchain.tree == tree)

    def _attempt(self) -> AttemptDirectory:
        token = f"local-{os.getpid()}-{secrets.token_hex(8)}"
        return AttemptDirectory.make(self._workshop.attempts, token)

    def _apt(self) -> Apt | None:
        suite = next((toolchain.suite for toolchain in self._tree.toolchains.values()), "")
        try:
            return Apt.of_machine(self._state.toolchains / "apt", suite)
        except NoSignedSourceError:
            return None
