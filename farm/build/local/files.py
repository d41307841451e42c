"""`farm files NAME`: which file of a build is in which package, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.fileset.manifest import Manifest
from farm.core.package.layout import explain_installed, explain_packages, package_name
from farm.errors import FarmError
from farm.store.scan import scan_tree

if TYPE_CHECKING:
    from farm.build.kept.kept_builds import KeptTree
    from farm.build.local.builds import LocalBuilds
    from farm.core.package.layout import Placement


@dataclass(frozen=True, slots=True)
class BuildFiles:
    """The files of a build of `recipe`, or of a kept one that has no packages yet."""

    recipe: str
    files: tuple[Placement, ...]
    kept: KeptTree | None = None

    def package_of(self, file: Placement) -> str:
        """Return the name of the package that has a file; nothing if none has."""
        return "" if file.output is None else package_name(self.recipe, file.output)


def files_of(builds: LocalBuilds, name: str) -> BuildFiles:
    """Return the files of the build of a recipe as it is now; of its kept build, if it has not been built.

    Builds what it needs. Raises the error `not-built`, and `UnfitTreeError` where a kept build installed what no
    package can hold.
    """
    tree = builds.kept.find(name)
    if tree and name == tree.name:
        return _of_kept(tree)
    order = builds.order(tree.build.recipe if tree else name)
    outcome = builds.builder.state.outcome(order.plan.digest)
    if outcome is not None:
        store = builds.builder.workshop.store
        manifests = [Manifest.from_json(store.read(package.manifest.digest)) for package in outcome.packages]
        return BuildFiles(order.plan.name.short, explain_packages(manifests, order.plan.outputs))
    if tree is not None:
        return _of_kept(tree)
    raise FarmError(
        f"{order.plan.name.short} has not been built as its recipe is now",
        remedy=f"Build it: `farm build {order.plan.name.short}`.",
        code="not-built",
    )


def _of_kept(tree: KeptTree) -> BuildFiles:
    with tree.used():
        installed = scan_tree(tree.workspace / "out", absolute_links=True)
    plan = tree.build.order.plan
    return BuildFiles(plan.name.short, explain_installed(installed, plan.outputs), tree)
