"""Completion for the verbs of maintainers: steps of recipes, and rules of `farm lint`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from farm.cli.name_completion import names_before, recipes_of

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem


def names_of_steps(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of steps that begin with `incomplete`, in their order, of the recipe that was named before."""
    from farm.build.recipe_directory import read_recipe_directory
    from farm.core.recipe.declared_sources import RECIPE_FILE
    from farm.core.recipe.load import PartlyReadError, load_recipe
    from farm.core.recipe.steps import StepLibrary
    from farm.errors import FarmError

    root, names = recipes_of(context), dict[str, None]()
    for name in names_before(context, "name"):
        with suppress(FarmError):  # there is no such recipe, or it cannot be read at all
            files = read_recipe_directory(root / "packages" / name.partition("@")[0])
            library, _ = StepLibrary.survey(
                {f"steps/{file}": text for file, text in read_recipe_directory(root / "steps").items()}
            )
            text = files.pop(RECIPE_FILE, b"")
            try:
                recipe = load_recipe(text, file=name, steps=library, patches=files)
            except PartlyReadError as error:
                recipe = error.part.recipe
            names |= dict.fromkeys(step.title for step in recipe.steps)
    return [name for name in names if name.startswith(incomplete)]


def rule_codes(_context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the codes of rules that begin with `incomplete`, with their names; and families, where these are taken."""
    from click.shell_completion import CompletionItem

    from farm.core.lint.registry import FAMILIES, RULES

    known = {} if parameter.name == "explain" else dict(FAMILIES)
    known |= {code: rule.name for code, rule in RULES.items()}
    return [CompletionItem(code, help=name) for code, name in known.items() if code.startswith(incomplete.upper())]
