"""What a build waits for: the recipes that it reaches through its needs, as far as they are built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.recipe.packages import made_packages
from farm.server.previews import heads
from farm.server.recipes import recipes
from farm.server.recipes.needs import needs_of

if TYPE_CHECKING:
    from farm.server.previews.build_scope import BuildScope


@dataclass(frozen=True, slots=True)
class Reach:
    """The recipes that a build reaches. The search stops at `unbuilt` ones, unless it was to go `through_unbuilt`.

    If none is unbuilt, all that can be in the build's environment is among the `built` ones.
    """

    built: frozenset[str]
    unbuilt: frozenset[str]


def reach(scope: BuildScope, revision_id: int, *, through_unbuilt: bool = False) -> Reach:
    """Follow the needs of a recipe's revision: its build-needs, and all needs of these, directly or through others."""
    session, made = scope.unit.session, _made_in_preview(scope)
    built: set[str] = set()
    unbuilt: set[str] = set()
    open_ends = set(needs_of(session, [revision_id], made).needs[revision_id].build)
    while open_ends:
        found = scope.heads(open_ends)
        unbuilt |= {name for name, head in found.items() if not head.is_built}
        built |= open_ends - unbuilt
        followed = (head.current for head in found.values() if head.is_built or through_unbuilt)
        below = needs_of(session, followed, made).needs.values()
        open_ends = {name for needs in below for name in needs.all} - built - unbuilt
    return Reach(frozenset(built), frozenset(unbuilt))


def _made_in_preview(scope: BuildScope) -> dict[str, str]:
    """Return the packages that the recipes of a preview make, each with its recipe."""
    unit = scope.unit
    made: dict[str, str] = {}
    for head in heads.heads(unit.session, scope.preview).values() if scope.preview else ():
        recipe = unit.recipes.recipe(recipes.revision(unit.session, head.current))
        made |= dict.fromkeys(made_packages(recipe), head.name)
    return made
