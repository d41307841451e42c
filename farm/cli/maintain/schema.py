"""`farm schema`: the JSON Schemas of the files that people write, for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farm.cli.output import say, say_document
from farm.cli.recipes_option import recipes_option
from farm.cli.settings import Settings
from farm.core.schema.names import NAMES, RECIPE, file_name

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.command()
@click.argument("kind", required=False, type=click.Choice(NAMES), metavar="[KIND]")
@recipes_option
@click.option(
    "--write", "directory", type=click.Path(path_type=Path, file_okay=False), help="Write all to a directory."
)
def schema(kind: str | None, recipes: Path | None, directory: Path | None) -> None:
    """Print the JSON Schema (draft 2020-12) of a KIND of file, or write all of them.

    KIND is channel, curators, distribution, distributions, image, policy, recipe, steps or toolchain. The schema of
    recipes knows the steps and toolchains of the tree.

    \b
    Example:
      farm schema --write .schemas
    """
    from farm.store.durable_file import replace_file

    if kind and not directory:
        say_document(_text(_schema(kind, recipes)))
    elif directory and not kind:
        directory.mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            replace_file(directory / file_name(name), _text(_schema(name, recipes)))
            say(str(directory / file_name(name)))
    else:
        raise click.UsageError("Name either a kind of file, or a directory with --write.")


def _schema(kind: str, recipes: Path | None) -> Mapping[str, Any]:
    from farm.build.recipe_directory import read_recipe_directory
    from farm.core.policy.tree import survey_tree
    from farm.core.schema.schemas import recipe_schema, schema_of

    if kind != RECIPE:
        return schema_of(kind)
    files = read_recipe_directory(recipes or Settings.from_environment().recipes, leave_out=("packages",))
    tree = survey_tree(files).tree
    return recipe_schema(tree.steps, tree.toolchains)


def _text(schema: Mapping[str, Any]) -> bytes:
    return json.dumps(schema, indent=2, ensure_ascii=False).encode() + b"\n"
