"""`farm lint`: check a tree of recipes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.options import json_option
from farm.cli.output import tell_result
from farm.cli.recipes_option import read_tree, recipes_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@recipes_option
@json_option
def lint(recipes: Path | None, as_json: bool) -> None:
    """Check all recipes, steps, toolchains and channels of a tree, and their dependencies.

    \b
    Example:
      farm lint --recipes recipes
    """
    from farm.core.plan.graph import BuildGraph

    tree = read_tree(recipes)
    order = list(BuildGraph.of(tree.recipes).order())
    sheet = {
        "recipes": sorted(tree.recipes),
        "steps": sorted(tree.steps.definitions),
        "toolchains": sorted(tree.toolchains),
        "channels": sorted(tree.channels),
    }
    counts = ", ".join(f"{len(names)} {kind}" for kind, names in sheet.items())
    lines = [f"{counts}: OK", f"build order: {' '.join(order)}"]
    tell_result(lines, sheet | {"build-order": order}, as_json=as_json)
