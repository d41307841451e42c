"""Runs a part of a build: the steps before one of them, or those from where a kept build stopped."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.build.attempt.build import failure_in_log
from farm.build.attempt.errors import BuildFailedError
from farm.build.attempt.inputs import build_root, fetch_sources
from farm.build.attempt.log_keeper import LogKeeper
from farm.build.attempt.steps_run import StepsRun
from farm.build.attempt.workspace import Workspace
from farm.build.kept.source_states import source_states
from farm.errors import FarmError

if TYPE_CHECKING:
    from farm.build.attempt.log_keeper import LogSink
    from farm.build.attempt.workshop import Workshop
    from farm.build.kept.kept_builds import KeptTree
    from farm.container.attempt_directory import AttemptDirectory
    from farm.core.names.digest import Digest
    from farm.core.plan.job import BuildOrder, BuiltPackage
    from farm.core.plan.plan import Plan

_PREPARE = "prepare"
_INTERRUPTED = "it was interrupted while it was resumed"


def steps_that_unpack(plan: Plan) -> int:
    """Return how many steps a build begins with that unpack and patch its sources."""
    number = 0
    while number < len(plan.steps) and plan.steps[number].name.partition(":")[0] == _PREPARE:
        number += 1
    return number


def run_until(
    order: BuildOrder, end: int, workshop: Workshop, *, attempt: AttemptDirectory, workspace: Workspace, log: LogSink
) -> Digest:
    """Run the steps before number `end` in a fresh workspace; return the log. Raises as `build`."""
    with LogKeeper(workshop.store, log, order.limits) as keeper, failure_in_log(keeper):
        sources = fetch_sources(order, workshop, keeper, attempt.subdirectory("sources"))
        root, _ = build_root(order, workshop, attempt.subdirectory("root"))
        if end:
            StepsRun(order, workshop, attempt, (*root, *sources), workspace, keeper, end=end).steps()
        return keeper.commit()


def resume(
    tree: KeptTree, workshop: Workshop, *, order: BuildOrder, attempt: AttemptDirectory, log: LogSink
) -> tuple[BuiltPackage, ...]:
    """Go on with a kept build from where it stopped, with the steps of `order`; return packages that nobody attests.

    The caller uses the tree alone. Its record follows, also when this process is killed. Raises as `build`.
    """
    build = replace(tree.build, order=order)

    def begun(step: int) -> None:
        tree.recorded(replace(build, stop="failed", step=step, message=_INTERRUPTED))

    started = source_states(tree.source_directory)
    try:
        with LogKeeper(workshop.store, log, order.limits) as keeper, failure_in_log(keeper):
            keeper.say(f"resumes {tree.name}")
            sources = fetch_sources(order, workshop, keeper, attempt.subdirectory("sources"))
            root, _ = build_root(order, workshop, attempt.subdirectory("root"))
            workspace = Workspace.of_directory(tree.workspace, order.limits)
            run = StepsRun(
                order, workshop, attempt, (*root, *sources), workspace, keeper, first=build.step, on_step=begun
            )
            if build.step < len(order.plan.steps):
                run.steps()
            packages = run.capture()
            ended = replace(build, stop="ended", step=len(order.plan.steps), message="", log=keeper.commit())
            tree.recorded(ended)
    except BuildFailedError as error:
        step = build.step if error.step_number is None else error.step_number
        tree.recorded(replace(build, stop="failed", step=step, message=error.message, log=error.log))
        raise
    finally:
        _note_changes_of_build(tree, started)
    return packages


def _note_changes_of_build(tree: KeptTree, started: dict[str, str]) -> None:
    """What the steps have changed, and nobody had edited before, is no edit."""
    try:
        when_kept, now = tree.sources, source_states(tree.source_directory)
    except FarmError:
        return  # it counts as edited; the error of the build itself is the one to show
    changed = {
        path
        for path in when_kept.keys() | now.keys()
        if started.get(path) != now.get(path) and started.get(path) == when_kept.get(path)
    }
    for path in changed:
        if path in now:
            when_kept[path] = now[path]
        else:
            when_kept.pop(path, None)
    tree.with_sources(when_kept)
