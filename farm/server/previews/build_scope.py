"""What builds see: the recipes and packages of the farm, or those of a preview in front of them.

A preview sees all of the farm. The farm sees nothing of a preview before it is accepted; other previews never do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.server.packages import packages
from farm.server.packages.finished import add_finished
from farm.server.previews import builds, heads
from farm.server.recipes import recipes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from farm.core.names.digest import Digest
    from farm.core.plan.consumption import Consumption
    from farm.server.tables.records import Package, RecipeHead
    from farm.server.transaction.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class BuildScope:
    """What the builds of one preview see; `preview` is its submission's number, or 0 for the farm's own builds."""

    unit: UnitOfWork
    preview: int = 0

    def heads(self, names: Iterable[str]) -> dict[str, RecipeHead]:
        """Return the state of the existing ones among these recipes, by name."""
        asked = list(names)
        found = recipes.heads(self.unit.session, asked)
        if self.preview:
            found |= heads.heads(self.unit.session, self.preview, asked)
        return dict(sorted(found.items()))

    def head(self, name: str) -> RecipeHead | None:
        """Return the state of a recipe by its name."""
        return self.heads([name]).get(name)

    def mark_built(self, name: str, *, revision_id: int, plan: Digest, newest_plan: Digest) -> None:
        """Record that this revision of a recipe was built; see `recipes.mark_built`."""
        session, now = self.unit.session, self.unit.now
        if self.preview:
            heads.mark_built(session, self.preview, name, revision_id=revision_id, plan=plan, newest_plan=newest_plan)
        else:
            recipes.mark_built(session, name, revision_id=revision_id, plan=plan, newest_plan=newest_plan, now=now)

    def add_package(self, package: Package, consumed: Collection[Consumption]) -> None:
        """Record a package, and the library files that its build opened."""
        if self.preview:
            builds.add_package(self.unit.session, self.preview, package, consumed)
        else:
            add_finished(self.unit, package, consumed)

    def packages_of_plan(self, plan: Digest) -> list[Package]:
        """Return the outputs of a plan's build, by name; empty if no build of it has succeeded."""
        found = packages.packages_of_plan(self.unit.session, plan)
        if not found and self.preview:
            found = builds.packages_of_plan(self.unit.session, self.preview, plan)
        return found

    def kept_plan(self, plan: Digest) -> Digest:
        """Return the plan whose packages are kept for a plan: an earlier one, if the plan's own were dropped."""
        same_as = next((package.same_as for package in self.packages_of_plan(plan) if package.same_as), None)
        if same_as is None:
            return plan
        kept = self.by_digest([same_as]).get(same_as)
        return kept.plan if kept else plan

    def by_digest(self, digests: Iterable[Digest]) -> dict[Digest, Package]:
        """Return these packages by the digest of their descriptor."""
        asked = list(digests)
        own = builds.by_digest(self.unit.session, self.preview, asked) if self.preview else {}
        return own | packages.by_digest(self.unit.session, asked)

    def packages_of_tree(self, trees: Iterable[Digest]) -> dict[tuple[str, Digest], Package]:
        """Return packages by short name and tree digest, dropped ones left out."""
        asked = list(trees)
        own = builds.packages_of_tree(self.unit.session, self.preview, asked) if self.preview else {}
        return own | packages.packages_of_tree(self.unit.session, asked)

    def plans_of(self, package: Digest) -> list[Digest]:
        """Return the later plans that led to the files of a package, and were dropped for it; the newest first."""
        own = builds.plans_of(self.unit.session, self.preview, package) if self.preview else []
        return own + packages.plans_of(self.unit.session, package)

    def current_packages(self, names: Iterable[str]) -> list[Package]:
        """Return the packages of the newest successful build of each of these recipes, by name."""
        asked = set(names)
        own = heads.heads(self.unit.session, self.preview, asked) if self.preview else {}
        found = packages.current_packages(self.unit.session, asked - own.keys())
        for head in own.values():
            found += self.packages_of_plan(head.built_plan) if head.built_plan else []
        return sorted(found, key=lambda package: package.name)

    def current(self, name: str) -> Package | None:
        """Return the package of a name from the newest successful build of its recipe."""
        if self.preview:
            for head in heads.heads(self.unit.session, self.preview).values():
                found = self.packages_of_plan(head.built_plan) if head.built_plan else []
                if package := next((package for package in found if package.name == name), None):
                    return package
        return packages.current(self.unit.session, name)
