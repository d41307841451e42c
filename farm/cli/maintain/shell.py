"""`farm shell`: enter a step of a build, as it failed or before it begins."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from farm.cli.channel_choice import channel_options
from farm.cli.local_builds import local_builds
from farm.cli.maintain.build import verbose_option
from farm.cli.maintain.completion import names_of_steps
from farm.cli.name_completion import kept_names
from farm.cli.output import say
from farm.cli.recipes_option import recipes_option, scope_of
from farm.cli.remote import connect
from farm.core.names.escaping import escape_control_chars

if TYPE_CHECKING:
    from pathlib import Path

    from farm.build.kept.entering import Entry
    from farm.build.kept.kept_builds import KeptTree
    from farm.build.kept.record import KeptBuild
    from farm.build.local.builds import LocalBuilds
    from farm.cli.channel_choice import ChannelChoice

_SHOWN_LINES = 12


@click.command()
@click.argument("name", shell_complete=kept_names)
@click.argument("command", nargs=-1)
@click.option(
    "--before",
    default="",
    metavar="STEP",
    shell_complete=names_of_steps,
    help="Stop before this step, by its number, its name or the recipe's name for it.",
)
@recipes_option
@channel_options
@verbose_option
def shell(
    name: str, command: tuple[str, ...], before: str, recipes: Path | None, choice: ChannelChoice, verbose: bool
) -> int:
    """Enter the failed step of the kept build of NAME, in the sandbox and with the variables of the step.

    NAME is a recipe, a kept build (see `farm kept`), or the number of a job of the farm, whose build is repeated here
    with the farm's inputs (FARM_URL, FARM_TOKEN), until it fails or all its steps have run. Without a kept build, a
    recipe is built until its sources are unpacked; with --before, until that step. `rerun` runs the step again, and
    with -x prints each of its commands; `show-step` prints its text. What you change in /build, /tmp and /out is kept.
    With a COMMAND, runs it instead of a shell, and exits with its status.

    \b
    Examples:
      farm shell jq
      farm shell jq --before make
      farm shell jq -- rerun -x
      farm shell 12
    """
    from farm.build.local.shell import enter_step, reach_step

    scope = scope_of(*([] if name.isdecimal() else [name]))
    with local_builds(recipes, scope, verbose=verbose, choice=choice) as (builds, _every):
        tree = _reach_end(builds, int(name), before) if name.isdecimal() else reach_step(builds, name, before=before)
    # Not within: the progress would be in the way of the shell.
    return enter_step(builds.builder, tree, _entry(tree, command))


def _reach_end(builds: LocalBuilds, job: int, before: str) -> KeptTree:
    from farm.build.local.farm_job import FarmBuild, reach_end
    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef, BuildOrder

    with connect() as farm:
        answer = farm.job_order(job)
        archive, workshop = answer.toolchain.archive, builds.builder.workshop
        most = workshop.fetcher.policy.max_bytes
        order = BuildOrder.from_dict(answer.order)
        farm_build = FarmBuild(
            job,
            order,
            answer.toolchain.name,
            Digest(answer.toolchain.manifest.digest),
            BlobRef(Digest(archive.digest), archive.size),
            lambda digest: farm.fetch_job_blob(job, digest, workshop.store, size=most),
        )
        return reach_end(builds.builder, farm_build, before=before)


def _entry(tree: KeptTree, command: tuple[str, ...]) -> Entry:
    from farm.build.kept.entering import Entry
    from farm.container.conversation import Conversation

    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if not command and not is_terminal:
        raise click.UsageError("A shell needs a terminal. Name a command: farm shell NAME -- COMMAND.")
    if not command:
        say(f"entering {tree.name}", err=True)
    return Entry(
        Conversation(terminal=is_terminal),
        command,
        greeting="\n".join(map(escape_control_chars, greeting(tree))) + "\n",
        prompt=escape_control_chars(f"{tree.name}:{tree.build.step_name}"),
        terminal=os.environ.get("TERM", ""),
    )


def greeting(tree: KeptTree) -> list[str]:
    """Return what a shell prints first: where one is, what the step does, and how to go on."""
    build, plan = tree.build, tree.build.order.plan
    script = plan.steps[build.entry].script.rstrip("\n").split("\n")
    text = [f"  {line}" for line in script[:_SHOWN_LINES]]
    if len(script) > _SHOWN_LINES:
        text.append(f"  … {len(script) - _SHOWN_LINES} more lines: `show-step` prints all")
    return [
        f"{plan.name.short} {plan.version}-{plan.revision}, {standing(build)}",
        *text,
        "`rerun` runs the step again. What you change in /build, /tmp and /out is kept when you leave.",
        f"Then: `farm build --resume {tree.name}` goes on, `farm patch {tree.name}` makes a patch of your edits.",
    ]


def standing(build: KeptBuild) -> str:
    """Return where a kept build stands, in words."""
    total = len(build.order.plan.steps)
    if build.stop == "ended":
        return "all steps have ended well"
    if build.step >= total:
        return "all steps have run, and what they installed cannot be packaged"
    step = f"step {build.step + 1} of {total}, {build.step_name!r}"
    return f"{step}, failed" if build.stop == "failed" else f"before {step}"
