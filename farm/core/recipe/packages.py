"""The packages that a recipe makes, whether it declares them or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.package.layout import UNASKED, package_name

if TYPE_CHECKING:
    from farm.core.recipe.recipe import Recipe


def made_packages(recipe: Recipe) -> tuple[str, ...]:
    """Return the names of all packages that a recipe can make: `jq`, its declared outputs, `jq-debug`, `jq-doc`."""
    return tuple(dict.fromkeys((*recipe.package_names, *(package_name(recipe.name, output) for output in UNASKED))))
