"""Small recipes that need each other, by a seed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def interdependent(size: int) -> dict[str, dict[str, bytes]]:
    """Return the files of so many recipes that can be built, by name: each needs some of those before it."""
    drawn = random.Random(size)  # noqa: S311  the same recipes each time
    names = [f"package-{number:05}" for number in range(size)]
    recipes = {}
    for number, name in enumerate(names):
        builds = drawn.sample(names[:number], min(number, 3))
        recipes[name] = recipe_needing(name, builds, runs=drawn.sample(names[:number], min(number, 1)))
    return recipes


def recipe_needing(
    name: str, builds: Iterable[str], *, runs: Iterable[str] = (), version: str = "1.0"
) -> dict[str, bytes]:
    """Return the files of a recipe that is built with some packages, and needs others at run time."""
    content = (
        f'name: {name}\nversion: "{version}"\nsummary: One of many\nlicense: MIT\ntoolchain: c\n'
        f"build-needs: [{', '.join(builds)}]\nrequires: [{', '.join(runs)}]\nsteps:\n  - run: make install\n"
    )
    return {"recipe.yaml": content.encode()}
