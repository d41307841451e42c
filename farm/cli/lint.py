"""`farm lint`: is a tree of recipes in order, each recipe and all of them together?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.recipes_option import read_tree, recipes_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@recipes_option
def lint(recipes: Path | None) -> None:
    """Check all recipes, steps, toolchains and channels, and the graph of what is built from what.

    \b
    Example:
      farm lint --recipes recipes
    """
    from farm.plan import BuildGraph

    tree = read_tree(recipes)
    order = BuildGraph.of(tree.recipes).order()
    click.echo(
        f"{len(tree.recipes)} recipes, {len(tree.steps.definitions)} steps, {len(tree.toolchains)} toolchains, "
        f"{len(tree.channels)} channels: in order"
    )
    click.echo(f"build order: {' '.join(order)}")
