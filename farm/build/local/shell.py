"""`farm shell NAME`: gets a build to a step, and enters it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.build.attempt.workspace import Workspace
from farm.build.kept.entering import enter
from farm.build.kept.resuming import run_until, steps_that_unpack
from farm.build.local.reports import BuildProgress
from farm.errors import FarmError
from farm.store.errors import MissingBlobError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.build.kept.entering import Entry
    from farm.build.kept.kept_builds import KeptTree
    from farm.build.local.builds import LocalBuilds
    from farm.build.local.order_builder import OrderBuilder
    from farm.core.plan.job import BuildOrder
    from farm.core.plan.plan import Plan
    from farm.core.recipe.recipe import Step


def reach_step(builds: LocalBuilds, name: str, *, before: str = "") -> KeptTree:
    """Return the kept build of that name, or of that recipe; with `before`, one that stopped before that step.

    Without one, what the recipe needs is built, and its own steps before that one are run; by default, those that
    unpack its sources. Raises as `LocalBuilds.build`, and the error `no-such-step`.
    """
    kept = builds.kept.find(name) or builds.kept.find(builds.recipe(name).name)
    if kept and not before:
        return kept
    if kept and kept.name == name:
        order = kept.build.order
    else:
        recipe = builds.recipe(kept.build.recipe if kept else name)
        if before:  # before anything is fetched or built
            number_of_step(recipe.name, recipe.steps, before)
        order = builds.order(recipe.name)
    step = step_of_plan(builds.builder, order.plan, before) if before else steps_that_unpack(order.plan)
    for tree in builds.kept.all():
        stopped = tree.build
        is_there = (stopped.order.plan.digest, stopped.stop, stopped.step) == (order.plan.digest, "before", step)
        if is_there and not stopped.opened:
            return tree
    return stop_before(builds.builder, order, step)


def stop_before(builder: OrderBuilder, order: BuildOrder, step: int) -> KeptTree:
    """Run the steps of an order before number `step`, and keep the build there. Raises as `LocalBuilds.build`."""
    progress = BuildProgress(order.plan.name.short, "building")
    with builder.attempt() as attempt:
        workspace = Workspace.of_attempt(attempt, order.limits)
        with builder.failure_kept(order, workspace), builder.logged(progress) as log:
            whole = run_until(order, step, builder.workshop, attempt=attempt, workspace=workspace, log=log)
        return builder.keep(order, workspace, stop="before", step=step, log=whole)


def enter_step(builder: OrderBuilder, tree: KeptTree, entry: Entry) -> int:
    """Enter the step at which a kept build stopped; return the exit status. Raises as `enter`."""
    with tree.used(), builder.attempt() as attempt:
        try:
            return enter(tree, entry, builder.workshop_of(tree.build), attempt=attempt)
        except MissingBlobError as error:
            raise lost_inputs(tree, error) from error
        finally:
            builder.kept.used(tree)


def lost_inputs(tree: KeptTree, error: MissingBlobError) -> FarmError:
    """Return the error of a kept build that needs what is no longer on this machine."""
    return FarmError(
        f"the kept build {tree.name} needs a file that is no longer on this machine: {error.message}",
        remedy=f"Build it anew: `farm build {tree.build.recipe}`.",
        code="kept-build-incomplete",
    )


def step_of_plan(builder: OrderBuilder, plan: Plan, step: str) -> int:
    """Return the number of a step as `number_of_step`, and say where its sources are if they are not unpacked yet."""
    number, unpacked = number_of_step(plan.name.short, plan.steps, step), steps_that_unpack(plan)
    if number < unpacked:
        builder.reports.say(
            f"before step {number + 1} of {plan.name.short} nothing is unpacked yet: its sources are in /sources, and "
            f"/build/src is empty; `--before {unpacked + 1}` stops when they are unpacked and patched"
        )
    return number


def number_of_step(recipe: str, steps: Sequence[Step], step: str) -> int:
    """Return the number, from 0, of a step that a person names, or numbers from 1. Raises the error `no-such-step`.

    `install` is the step `make: install`, where no other definition has a step of that name, and `make` is otherwise
    the first step of that definition: so a recipe names it. The name that plans have recorded, `licence`, is accepted
    too.
    """
    names = [known.title for known in steps]
    for known in (names, [recorded.name for recorded in steps]):
        if step in known:
            return known.index(step)
    parts = [number for number, name in enumerate(names) if name.endswith(f": {step}")]
    if len(parts) == 1:
        return parts[0]
    definitions = [name.partition(": ")[0] for name in names]
    if step in definitions:
        return definitions.index(step)
    if step.isdecimal() and 1 <= int(step) <= len(names):
        return int(step) - 1
    listed = ", ".join(f"{number} {name!r}" for number, name in enumerate(names, 1))
    raise FarmError(f"{recipe} has no step {step!r}", remedy=f"Name one of these: {listed}.", code="no-such-step")
