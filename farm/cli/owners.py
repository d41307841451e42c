"""`farm owners`: who owns which recipes of a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.output import say_json, say_lines
from farm.cli.packages import json_option
from farm.cli.recipes_option import read_tree, recipes_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("names", metavar="[RECIPE]...", nargs=-1)
@recipes_option
@json_option
def owners(names: tuple[str, ...], recipes: Path | None, as_json: bool) -> None:
    """Show who owns recipes: RECIPES, also such as are not there yet, or all of the tree.

    \b
    Example:
      farm owners jq python-lxml
    """
    from farm.cli.rendering import table

    tree = read_tree(recipes)
    asked = names or tuple(tree.recipes)
    if tree.owners is None:
        if as_json:
            say_json({"owners": None})
            return
        say_lines(["the tree has no OWNERS: recipes have no owners, and whoever has a token may submit them"])
        return
    found = [(name, tree.owners.rule_for(name)) for name in asked]
    if as_json:
        say_json({"owners": {name: sorted(rule.people) if rule else [] for name, rule in found}})
        return
    rows = [
        (name, ", ".join(sorted(rule.people)), f"OWNERS:{rule.line} {rule.pattern} {' '.join(rule.named)}")
        if rule
        else (name, "-", "no line of OWNERS matches")
        for name, rule in found
    ]
    say_lines(table(rows, ("RECIPE", "OWNERS", "BY")))
