"""`farm owners`: who owns which recipes of a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.options import json_option
from farm.cli.output import say, say_json, say_lines
from farm.cli.recipes_option import read_tree, recipes_option

if TYPE_CHECKING:
    from pathlib import Path

_SIGNED = "note: this is what the tree says; where the distribution's owner has signed OWNERS and curators, these count"


@click.command()
@click.argument("names", metavar="[RECIPE]...", nargs=-1)
@recipes_option
@json_option
def owners(names: tuple[str, ...], recipes: Path | None, as_json: bool) -> None:
    """Show who owns recipes as this tree says it: RECIPES, also such as are not there yet, or all of them.

    A farm whose distribution's owner has signed OWNERS and curators goes by these until a change is signed, too.

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
        say_lines(["this tree has no OWNERS: it gives its recipes no owners"])
        say(_SIGNED, err=True)
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
    say(_SIGNED, err=True)
