"""From a recipe to the order to build it: its plan, pinned to what is known of its dependencies, and their archives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.plan.job import BuildOrder
from farm.core.plan.pin import pin, source_origins
from farm.core.plan.plan import PlannedDependency
from farm.core.policy.tree import files_beside
from farm.core.recipe.declared_sources import contents_of, recipe_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.build.local.outcomes import Outcomes
    from farm.build.local.toolchains import TreeToolchains
    from farm.core.names.platform import Platform
    from farm.core.plan.job import BuiltPackage
    from farm.core.plan.plan import Plan
    from farm.core.policy.tree import RecipeTree
    from farm.core.recipe.recipe import Recipe
    from farm.store.blobs import BlobStore


@dataclass(frozen=True, slots=True)
class BuildOrders:
    """Makes orders for the recipes of one tree. `files` is the content of the tree, by path."""

    tree: RecipeTree
    files: Mapping[str, bytes]
    platform: Platform
    toolchains: TreeToolchains
    outcomes: Outcomes
    store: BlobStore

    def order(self, recipe: Recipe) -> BuildOrder:
        """Return the order to build a recipe; the outcomes of all that it needs are known.

        Stores the recipe and the files beside it, and makes its toolchain. Raises what pinning and toolchains raise.
        """
        self._store_recipe(recipe)
        toolchain = self.toolchains.ensure(recipe.toolchain)
        dependencies = self.outcomes.dependencies_of(recipe)
        plan = self._pinned(recipe, dependencies)
        archives = tuple(package.as_dependency() for package in dependencies)
        origins = source_origins(recipe, toolchain.debs, toolchain.lock)
        return BuildOrder(plan, recipe.digest, origins, recipe.limits, archives)

    def plan(self, recipe: Recipe) -> Plan:
        """Return the plan of a recipe, as `order` makes it; nothing is stored."""
        return self._pinned(recipe, self.outcomes.dependencies_of(recipe))

    def _pinned(self, recipe: Recipe, dependencies: Iterable[BuiltPackage]) -> Plan:
        toolchain = self.toolchains.ensure(recipe.toolchain)
        return pin(
            recipe,
            distribution=self.tree.distribution.domain,
            platform=self.platform,
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

    def _store_recipe(self, recipe: Recipe) -> None:
        """Store the recipe and the files beside it: sources of the build, and what a later build is compared with."""
        text, beside = self.files[recipe_file(recipe.name)], files_beside(self.files, recipe.name)
        contents = contents_of(text, recipe.sources, beside)
        for content in (contents.to_json(), text, *beside.values()):
            self.store.put_bytes(content)
