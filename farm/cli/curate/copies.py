"""`farm copies`: whose packages hold code of a package, so that mending it alone does not mend them."""

from __future__ import annotations

import click

from farm.cli.options import json_option
from farm.cli.output import say_json, say_lines
from farm.cli.settings import Settings

_WORDS = {
    "static": "linked in statically",
    "headers": "its headers",
    "unknown": "may be: its build was not watched",
}


@click.command()
@click.argument("name")
@json_option
def copies(name: str, as_json: bool) -> None:
    """List the recipes whose packages hold code of the package NAME.

    \b
    Example:
      farm copies zlib
    """
    from farm.api.farm_client import FarmClient
    from farm.cli.rendering import table

    settings = Settings.from_environment()
    with FarmClient(settings.url, settings.token) as farm:
        found = farm.copies(name)
    if as_json:
        say_json(found.model_dump(mode="json"))
        return
    rows = [(copy.recipe, _WORDS[copy.kind], copy.tree) for copy in found.copies]
    say_lines(table(rows, ("RECIPE", "HOW", "AS IT WAS IN")) if rows else [f"nobody is known to hold code of {name}"])
