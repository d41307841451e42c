"""`farm build --resume NAME`: goes on with a kept build. What comes of it is no outcome of the plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.build.attempt.errors import BuildFailedError
from farm.build.kept.changes import changes_before, replaced_files
from farm.build.kept.kept_builds import no_kept_build
from farm.build.kept.resuming import resume
from farm.build.local.reports import BuildProgress
from farm.build.local.shell import lost_inputs
from farm.errors import FarmError, in_words
from farm.store.errors import MissingBlobError

if TYPE_CHECKING:
    from farm.build.kept.kept_builds import KeptTree
    from farm.build.local.builds import LocalBuilds
    from farm.core.plan.job import BuildOrder, BuiltPackage


@dataclass(frozen=True, slots=True)
class Resumed:
    """A kept build that was resumed to its end, and packages of it: not attested, not recorded, not to be published."""

    tree: KeptTree
    packages: tuple[BuiltPackage, ...]


def resume_build(builds: LocalBuilds, name: str) -> Resumed:
    """Go on with a kept build, by its name or the recipe's, from the step at which it stopped.

    The steps from there on, and what concerns its packages alone, are those of the recipe as it is now; for a farm's
    job, those of the job, whatever the recipe here. Raises the errors `no-kept-build`, and `kept-build-outdated` where
    something else has changed, and as `LocalBuilds.build`.
    """
    tree = builds.kept.find(name)
    if tree is None:
        raise no_kept_build(name, ())
    builder = builds.builder
    with tree.used(alone=True), builder.attempt() as attempt:
        order = _order_of_job(builds, tree) if tree.build.farm_job else _order_now(builds, tree)
        try:
            with builder.logged(BuildProgress(tree.build.recipe, "building")) as log:
                packages = resume(tree, builder.workshop_of(tree.build), order=order, attempt=attempt, log=log)
        except BuildFailedError as error:
            error.remedy += f" `farm shell {tree.name}` opens the build where it failed."
            raise
        except MissingBlobError as error:
            raise lost_inputs(tree, error) from error
        finally:
            builder.kept.used(tree)
    return Resumed(tree, packages)


def _order_of_job(builds: LocalBuilds, tree: KeptTree) -> BuildOrder:
    job = tree.build.farm_job
    builds.builder.reports.say(
        f"{tree.name} goes on with the recipe and the sources of job {job}, not those of the tree"
    )
    return tree.build.order


def _order_now(builds: LocalBuilds, tree: KeptTree) -> BuildOrder:
    recipe = tree.build.recipe
    order = builds.order(recipe)
    kept, now = tree.build.order.plan, order.plan
    beside = {source.file for source in builds.recipe(recipe).sources if not (source.url or source.debian_package)}
    replaced = replaced_files(kept, now, beside)
    changes = changes_before(kept, now, tree.build.step, replaced)
    if changes:
        raise FarmError(
            f"{tree.name} cannot go on, because something that it began with has changed: {', '.join(changes)}",
            remedy=f"Build it anew: `farm build {recipe}`.",
            code="kept-build-outdated",
        )
    if replaced:
        builds.builder.reports.say(
            f"{tree.name} goes on with the new {in_words(replaced)} in /sources; "
            "the steps before had the former content"
        )
    return order
