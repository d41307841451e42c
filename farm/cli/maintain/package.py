"""`farm package`: the owners of packages' recipes, and the packages that hold code of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.groups import VerbGroup
from farm.cli.options import json_option
from farm.cli.output import say, table, tell_result, tell_table
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
    nothing = f"no package is known to hold code of {name}"
    tell_table(rows, ("RECIPE", "HOW", "TREE"), found.model_dump(mode="json"), nothing=nothing, as_json=as_json)


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
    if tree.owners is None:
        tell_result(["this tree has no OWNERS: its recipes have no owners"], {"owners": None}, as_json=as_json)
    else:
        found = {name: tree.owners.rule_for(name) for name in names or tree.recipes}
        rows = [
            (name, ", ".join(sorted(rule.people)), f"OWNERS:{rule.line} {rule.pattern} {' '.join(rule.named)}")
            if rule
            else (name, "-", "no line of OWNERS matches")
            for name, rule in found.items()
        ]
        form = {"owners": {name: sorted(rule.people) if rule else [] for name, rule in found.items()}}
        tell_result(table(rows, ("RECIPE", "OWNERS", "RULE")), form, as_json=as_json)
    if not as_json:
        say(_SIGNED, err=True)
