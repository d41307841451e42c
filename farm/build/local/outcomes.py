"""The packages of the recipes of one tree, as far as they are known, and the sets that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from farm.core.fileset.manifest import Manifest
from farm.core.package.facts import PackageFacts
from farm.core.sets.members.member import Member
from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.closure import build_closure, closure, from_toolchain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.core.names.digest import Digest
    from farm.core.plan.graph import BuildGraph
    from farm.core.plan.job import BuiltPackage
    from farm.core.recipe.recipe import Recipe
    from farm.store.blobs import BlobStore


State: TypeAlias = Literal["kept", "fetched", "built"]
"""Whether the packages were here, were taken from a channel, or were built."""


class Outcomes:
    """The packages of each recipe. `store` holds their facts and manifests.

    `beside` are packages of a channel that come with those taken from it, by short name: what they need at run time.
    """

    def __init__(self, graph: BuildGraph, store: BlobStore) -> None:
        self._graph = graph
        self._store = store
        self._known: dict[str, tuple[BuiltPackage, ...]] = {}
        self._members: dict[Digest, Member] = {}
        """By descriptor: a manifest is read once, not for each set that has it."""
        self.states: dict[str, State] = {}
        self.beside: dict[str, BuiltPackage] = {}

    def __contains__(self, recipe: str) -> bool:
        return recipe in self._known

    def __getitem__(self, recipe: str) -> tuple[BuiltPackage, ...]:
        return self._known[recipe]

    def has_all(self, needs: Iterable[str]) -> bool:
        """Return whether the outcomes of these recipes are known, and those of all that they need."""
        return all(recipe in self._known for recipe in self._graph.needed_for(needs))

    def add(self, recipe: str, packages: tuple[BuiltPackage, ...], state: State) -> None:
        """Record the packages of a recipe."""
        self._known[recipe] = packages
        self.states[recipe] = state

    def forget(self) -> None:
        """Forget everything: it is obtained again."""
        self._known.clear()
        self._members.clear()
        self.states.clear()
        self.beside.clear()

    def dependencies_of(self, recipe: Recipe) -> tuple[BuiltPackage, ...]:
        """Return the packages that a build of `recipe` needs: the closure of its build-needs, which are known.

        Raises `OpenSetError`.
        """
        below = self._graph.needed_for(self._graph.needs[recipe.name])
        packages = self._packages(name for name in below if name in self._known)
        members = [self._member(package) for package in packages.values()]
        found = build_closure(PackageSet.of(members), recipe.build_needs, given=from_toolchain(members))
        return tuple(packages[member.name] for member in found)

    def closure(self, roots: Iterable[str]) -> tuple[BuiltPackage, ...]:
        """Return packages by their names, with all that they need to run. Raises `OpenSetError`."""
        packages = self._packages(self._known)
        whole = PackageSet.of(self._member(package) for package in packages.values())
        return tuple(packages[member.name] for member in closure(whole, roots))

    def _packages(self, recipes: Iterable[str]) -> dict[str, BuiltPackage]:
        """Return the packages that these recipes made, by short name."""
        made = (package for recipe in recipes for package in self._known[recipe])
        return self.beside | {package.descriptor.name.short: package for package in made}

    def _member(self, package: BuiltPackage) -> Member:
        digest = package.descriptor.digest
        if digest not in self._members:
            self._members[digest] = member_of(self._store, package)
        return self._members[digest]


def member_of(store: BlobStore, package: BuiltPackage) -> Member:
    """Return a built package as a member of a set."""
    facts = PackageFacts.from_json(store.read(package.facts.digest))
    return Member.of(package.descriptor, facts, Manifest.from_json(store.read(package.manifest.digest)))
