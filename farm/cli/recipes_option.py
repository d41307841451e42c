"""The `--recipes` option, and the tree of recipes that it names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.output import say
from farm.cli.settings import Settings

if TYPE_CHECKING:
    from farm.core.policy.tree import RecipeTree

recipes_option = click.option(
    "--recipes", type=click.Path(path_type=Path), help="The tree of recipes (FARM_RECIPES).  [default: ./recipes]"
)


def read_tree(recipes: Path | None) -> RecipeTree:
    """Read and check the whole tree, and warn of what is outdated. Raises `RecipeError`, `unreadable-recipes`."""
    from farm.build.recipe_directory import read_recipe_directory
    from farm.core.lint.checked_tree import load_checked_tree

    tree = load_checked_tree(read_recipe_directory(recipes or Settings.from_environment().recipes))
    for warning in tree.warnings:
        say(f"warning: {warning}", err=True)
    return tree
