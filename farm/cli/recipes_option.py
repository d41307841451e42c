"""The `--recipes` option, and the tree of recipes that it names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.output import say
from farm.cli.settings import Settings
from farm.errors import in_words

if TYPE_CHECKING:
    from farm.core.lint.part_of_tree import RecipeScope
    from farm.core.policy.tree import RecipeTree

recipes_option = click.option(
    "--recipes", type=click.Path(path_type=Path), help="The tree of recipes (FARM_RECIPES).  [default: ./recipes]"
)


def read_tree(recipes: Path | None, scope: RecipeScope | None = None) -> RecipeTree:
    """Read and check the whole tree, or of one with problems the `scope`; warn of what is outdated or left out.

    Raises `RecipeError`, `unreadable-recipes`.
    """
    _, tree = read_part(recipes or Settings.from_environment().recipes, scope)
    for warning in tree.warnings:
        say(f"warning: {warning}", err=True)
    return tree


def read_part(
    root: Path, scope: RecipeScope | None, *, instead: Path | None = None
) -> tuple[dict[str, bytes], RecipeTree]:
    """Return the files below `root` that can be read, and their tree; of one with problems, what is within `scope`.

    `instead` is the directory of one recipe, which replaces that of the same name. Warns of what is left out. Raises
    as `load_part`, and `unreadable-recipes`.
    """
    from farm.build.recipe_directory import name_of_recipe, read_readable_recipes, with_recipe
    from farm.core.lint.part_of_tree import load_part

    files, unreadable = read_readable_recipes(root)
    if instead:
        files = with_recipe(files, instead)
        unreadable.pop(name_of_recipe(instead), None)
    tree = load_part(files, scope, unreadable)
    if names := tree.left_out:
        have = "has problems, and is" if len(names) == 1 else "have problems, and are"
        say(f"warning: {in_words(names)} {have} left out: see `farm lint {' '.join(names)}`", err=True)
    return files, tree


def scope_of(*names: str, runs: bool = False, own_tests: bool = False) -> RecipeScope:
    """Return what has to be readable to build recipes, packages or kept builds (`jq@2`) by name.

    With `runs` also to run them, with `own_tests` to test them.
    """
    from farm.core.lint.part_of_tree import RecipeScope
    from farm.core.plan.need_graph import NeedKind

    kinds = (NeedKind.RUN,) if runs or own_tests else ()
    return RecipeScope(tuple(name.partition("@")[0] for name in names), kinds, own_tests)
