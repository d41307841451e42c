"""Completion of package names for shells, from what is on this machine: nothing is fetched, and nothing built."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from farm.cli.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click

_MOST = 1000
"""The most names that a shell is given."""


def package_names(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the names that begin with `incomplete`: of recipes, of local builds, of packages that were used before."""
    named = dict.fromkeys(name for name in _names(context) if name.startswith(incomplete))
    return sorted(named)[:_MOST]


def _names(context: click.Context) -> Iterator[str]:
    from farm.client.repository.known_names import KnownNames

    settings = Settings.from_environment()
    recipes = context.params.get("recipes") or settings.recipes
    for folder in (Path(recipes) / "packages", settings.state_place / "builds-of"):
        if folder.is_dir():
            yield from (place.name for place in folder.iterdir() if place.is_dir())
    yield from KnownNames(settings.state_place).all()
