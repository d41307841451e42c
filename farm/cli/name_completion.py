"""Completion of names for shells, from what is on this machine: nothing is fetched, and nothing built."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from farm.cli.settings import Settings

if TYPE_CHECKING:
    import click

_MOST = 1000
"""The most names that a shell is given."""


def package_names(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the names that begin with `incomplete`: of recipes, of local builds, of packages that were used before."""
    names = local_names(recipes_of(context), Settings.from_environment().state_place)
    return sorted(name for name in names if name.startswith(incomplete))[:_MOST]


def local_names(recipes: Path, state: Path) -> set[str]:
    """Return the names of recipes, of local builds, and of packages that were used before."""
    from farm.client.repository.known_names import KnownNames

    folders = [folder for folder in (recipes / "packages", state / "builds-of") if folder.is_dir()]
    names = {place.name for folder in folders for place in folder.iterdir() if place.is_dir()}
    return names.union(KnownNames(state).all())


def recipe_names(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of recipes that begin with `incomplete`."""
    folder = recipes_of(context) / "packages"
    names = (place.name for place in folder.iterdir() if place.is_dir()) if folder.is_dir() else ()
    return sorted(name for name in names if name.startswith(incomplete))[:_MOST]


def kept_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of kept builds, and of recipes, that begin with `incomplete`."""
    folder = Settings.from_environment().state_place / "kept"
    kept = (place.name for place in folder.iterdir() if "@" in place.name) if folder.is_dir() else ()
    return sorted(
        {*recipe_names(context, parameter, incomplete), *(name for name in kept if name.startswith(incomplete))}
    )[:_MOST]


def names_of_tests(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of tests that begin with `incomplete`, of the recipes that were named before."""
    from farm.core.files.fields import Fields
    from farm.core.recipe.declared_sources import KEYS, RECIPE_FILE
    from farm.core.recipe.recipe_tests import read_tests
    from farm.errors import FarmError

    names: set[str] = set()
    for recipe in names_before(context, "names"):
        place = recipes_of(context) / "packages" / recipe / RECIPE_FILE
        with suppress(OSError, FarmError):  # a recipe that cannot be read has no names to offer
            names |= {test.name for test in read_tests(Fields.of_file(place.read_bytes(), str(place), "", known=KEYS))}
    return sorted(name for name in names if name.startswith(incomplete))[:_MOST]


def channel_names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the subscribed channels that begin with `incomplete`: full names, else those within their distribution."""
    from farm.client.repository.subscriptions import Subscriptions
    from farm.errors import FarmError

    followed = list[str]()
    with suppress(FarmError):  # a damaged record
        followed = [str(subscription) for subscription in Subscriptions(Settings.from_environment().state_place).all()]
    short = [name.rpartition("/")[2] for name in followed]
    found = [name for name in followed if name.startswith(incomplete)] or [
        name for name in short if name.startswith(incomplete) and short.count(name) == 1
    ]
    return found[:_MOST]


def names_before(context: click.Context, parameter: str) -> list[str]:
    """Return the names that an argument has so far."""
    given = context.params.get(parameter) or ()
    # While an option lacks its value, click has not yet taken what stands before it for the argument.
    return [*([given] if isinstance(given, str) else given), *context.args]


def recipes_of(context: click.Context) -> Path:
    """Return the tree of recipes that a command line names."""
    return Path(context.params.get("recipes") or Settings.from_environment().recipes)
