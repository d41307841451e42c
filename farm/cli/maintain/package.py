"""`farm package`: the owners of packages' recipes, and the packages that hold code of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.groups import VerbGroup
from farm.cli.options import json_option
from farm.cli.output import say, say_json, say_lines, table, tell_table
from farm.cli.recipes_option import read_tree, recipes_option
from farm.cli.remote import connect

if TYPE_CHECKING:
    from pathlib import Path

_LINKED = {
    "static": "linked in statically",
    "headers": "its headers",
    "unknown": "possibly: its build was not traced",
}
_SIGNED = (
    "note: these are the owners in this tree; a farm uses the OWNERS and curators that its distribution has signed"
)


@click.group(cls=VerbGroup)
def package() -> None:
    """Show the owners of packages, and the packages that hold code of another."""


@package.command("copies")
@click.argument("name")
@json_option
def copies(name: str, as_json: bool) -> None:
    """List the recipes whose packages hold code of package NAME: fixing it alone does not fix them.

    \b
    Example:
      farm package copies zlib
    """

    with connect() as farm:
        found = farm.copies(name)
    rows = [(copy.recipe, _LINKED[copy.kind], copy.tree) for copy in found.copies]
    tell_table(
        rows,
        ("RECIPE", "HOW", "TREE"),
        found.model_dump(mode="json"),
        nothing=f"no package is known to hold code of {name}",
        as_json=as_json,
    )


@package.command("owners")
@click.argument("names", metavar="[RECIPE]...", nargs=-1)
@recipes_option
@json_option
def owners(names: tuple[str, ...], recipes: Path | None, as_json: bool) -> None:
    """Show the owners of RECIPEs in this tree, also of recipes that it does not have yet; of all recipes without one.

    A farm uses the OWNERS and curators that its distribution has signed, until a change of them is signed too.

    \b
    Example:
      farm package owners jq python-lxml
    """

    tree = read_tree(recipes)
    asked = names or tuple(tree.recipes)
    if tree.owners is None:
        if as_json:
            say_json({"owners": None})
            return
        say_lines(["this tree has no OWNERS: its recipes have no owners"])
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
    say_lines(table(rows, ("RECIPE", "OWNERS", "RULE")))
    say(_SIGNED, err=True)
