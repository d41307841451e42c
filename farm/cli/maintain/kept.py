"""`farm kept`: the builds that are kept on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from farm.cli.maintain.shell import standing
from farm.cli.name_completion import kept_names
from farm.cli.options import json_option
from farm.cli.output import say, tell_table
from farm.cli.settings import Settings
from farm.core.names.wording import human_size
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.build.kept.kept_builds import KeptBuilds, KeptTree
    from farm.build.kept.record import Stop

_KINDS: Mapping[Stop, str] = {"failed": "failed", "before": "stopped", "ended": "resumed"}


@click.command()
@click.argument("names", nargs=-1, shell_complete=kept_names)
@click.option("--remove", is_flag=True, help="Remove the kept builds NAMES.")
@json_option
def kept(names: tuple[str, ...], remove: bool, as_json: bool) -> None:
    """List builds that failed, or that `farm shell` stopped, and that are kept on this machine; all, or those of NAMES.

    A name is a recipe (jq) or a kept build (jq@2). KIND is `failed`, `stopped` by `farm shell` before a step, `resumed`
    to its end, or `of job 12` of the farm; `edited` where somebody has changed its sources. The oldest are removed when
    all take more than FARM_KEPT_GB; of each recipe, only the newest stay. What was edited stays until you remove it.

    \b
    Examples:
      farm kept
      farm kept --remove jq
    """
    from farm.build.kept.kept_builds import KeptBuilds
    from farm.build.local_state import LocalState

    settings = Settings.from_environment()
    found = KeptBuilds.open(LocalState(settings.state, settings.host).kept, settings.kept_bytes)
    chosen = _chosen(found, names)
    if remove:
        if not names:
            raise click.UsageError("Name the kept builds to remove.")
        for tree in chosen:
            if not found.remove(tree):
                raise FarmError(
                    f"the kept build {tree.name} is in use", remedy="Leave its shells.", code="kept-build-in-use"
                )
            say(f"removed {tree.name}, {human_size(tree.build.size)}", err=as_json)
        chosen = ()
        if not as_json:
            return
    edited = {tree.name: tree.is_edited() for tree in chosen}
    rows = [
        (
            tree.name,
            f"{_kind(tree)}{', edited' if edited[tree.name] else ''}",
            f"{tree.build.order.plan.version}-{tree.build.order.plan.revision}",
            tree.build.kept,
            human_size(tree.build.size),
            standing(tree.build),
        )
        for tree in chosen
    ]
    headings = ("BUILD", "KIND", "VERSION", "KEPT", "SIZE", "WHERE IT STANDS")
    forms = [_form(tree, edited=edited[tree.name]) for tree in chosen]
    tell_table(rows, headings, forms, nothing="no build is kept", as_json=as_json)


def _chosen(found: KeptBuilds, names: tuple[str, ...]) -> tuple[KeptTree, ...]:
    from farm.build.kept.kept_builds import no_kept_build

    everything = found.all()
    for name in names:
        if not any(name in (tree.name, tree.build.recipe) for tree in everything):
            raise no_kept_build(name, everything)
    return tuple(tree for tree in everything if not names or tree.name in names or tree.build.recipe in names)


def _kind(tree: KeptTree) -> str:
    """Return in a word why a build is kept."""
    return f"of job {tree.build.farm_job}" if tree.build.farm_job else _KINDS[tree.build.stop]


def _form(tree: KeptTree, *, edited: bool) -> dict[str, Any]:
    build, plan = tree.build, tree.build.order.plan
    return {
        "name": tree.name,
        "recipe": build.recipe,
        "version": f"{plan.version}-{plan.revision}",
        "kind": "of-job" if build.farm_job else _KINDS[build.stop],
        "plan": plan.digest,
        "stop": build.stop,
        "step": build.step + 1,
        "step-name": build.step_name,
        "message": build.message,
        "kept": build.kept,
        "edited": edited,
        "bytes": build.size,
        "path": str(tree.workspace),
        "job": build.farm_job or None,
    }
