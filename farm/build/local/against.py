"""Builds against the newest packages of a channel, whatever the tree's recipes say of these: `--against`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.names.reachable import reachable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from farm.build.local.outcomes import Outcomes
    from farm.build.local.published import PublishedBuilds
    from farm.build.local_state import LocalState
    from farm.core.plan.graph import BuildGraph
    from farm.core.plan.job import BuiltPackage
    from farm.core.recipe.recipe import Recipe


class AgainstChannel:
    """Takes the newest packages of one release, and knows which builds rest on them. Opens the channel when made."""

    def __init__(self, published: PublishedBuilds, graph: BuildGraph) -> None:
        self.release = published.release
        self._published = published
        self._graph = graph
        self._taken: set[str] = set()

    def has(self, recipe: str) -> bool:
        """Return whether the release has the main package of a recipe."""
        return self._published.has(recipe)

    def take(self, recipes: Sequence[Recipe]) -> dict[str, BuiltPackage]:
        """Return the newest packages of recipes, with all that they need at run time, by short name."""
        self._taken.update(recipe.name for recipe in recipes)
        newest = self._published.newest([package for recipe in recipes for package in recipe.package_names])
        return {package.descriptor.name.short: package for package in newest}

    def is_below(self, recipe: str) -> bool:
        """Return whether a recipe is built with packages that were taken, or with builds that were."""
        needs = self._graph.needs
        below = reachable(needs[recipe], lambda need: () if need in self._taken else needs[need])
        return not self._taken.isdisjoint(below)

    def unpublished(self, outcomes: Outcomes, state: LocalState) -> Iterable[str]:
        """Yield the recipes whose packages rest on taken ones, and were built on this machine."""
        for recipe, how in outcomes.states.items():
            if how != "fetched" and self.is_below(recipe):
                record = state.record_of(outcomes[recipe][0].descriptor.plan, without_archives=True)
                if record is None or not record.release:
                    yield recipe
