"""Opens a step of a kept build: its container, its variables, its directory, with a shell or one command in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.build.attempt.inputs import build_root, fetch_sources
from farm.build.attempt.log_keeper import LogKeeper
from farm.build.attempt.steps_run import build_spec
from farm.build.attempt.workspace import Workspace
from farm.container.step_driver import write_entry
from farm.core.recipe.recipe import SOURCE_DIRECTORY
from farm.errors import FarmError

if TYPE_CHECKING:
    from farm.build.attempt.workshop import Workshop
    from farm.build.kept.kept_builds import KeptTree
    from farm.container.attempt_directory import AttemptDirectory
    from farm.container.conversation import Conversation


@dataclass(frozen=True, slots=True)
class Entry:
    """Who enters: a `command`, or a shell where it is empty, which prints `greeting` and has `prompt`.

    `terminal` is the kind of the terminal (`xterm-256color`), empty where there is none.
    """

    conversation: Conversation
    command: tuple[str, ...] = ()
    greeting: str = ""
    prompt: str = ""
    terminal: str = ""


def enter(tree: KeptTree, entry: Entry, workshop: Workshop, *, attempt: AttemptDirectory) -> int:
    """Enter the step at which a kept build stopped; return the exit status of the shell or command.

    What is written to /build, /tmp and /out stays in the tree. The sandbox is that of the build, but there is no limit
    of time. Raises the error `kept-build-full`, and what the stores and the sandbox raise.
    """
    build = tree.build
    tree.recorded(replace(build, opened=True))
    with LogKeeper(workshop.store, lambda _record: None, build.order.limits) as unused:
        sources = fetch_sources(build.order, workshop, unused, attempt.subdirectory("sources"))
    root, _ = build_root(build.order, workshop, attempt.subdirectory("root"))
    workspace = Workspace.of_directory(tree.workspace, build.order.limits)
    command, bind = write_entry(
        attempt.subdirectory("driver"),
        build.order.plan.steps,
        build.entry,
        workdir=SOURCE_DIRECTORY,
        greeting=entry.greeting,
        prompt=entry.prompt,
    )
    spec = build_spec(
        build.order,
        workshop,
        attempt,
        workspace,
        command=(*command, *entry.command),
        binds=(*root, *sources, bind),
    )
    if entry.conversation.terminal:
        environment = tuple(sorted({**dict(spec.environment), "TERM": entry.terminal or "dumb"}.items()))
        spec = replace(spec, terminal=True, environment=environment)
    status = workshop.sandbox.converse(spec, entry.conversation, is_over=workspace.is_overfull)
    if workspace.is_overfull():
        raise FarmError(
            f"{tree.name} takes more on the disk than limits.memory-mb and limits.output-mb of its recipe allow",
            remedy=f"Remove what you do not need: `farm shell {tree.name} -- rm FILE`.",
            code="kept-build-full",
        )
    return status
