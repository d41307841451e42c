"""What a build waits for: the recipes that it reaches through its needs, as far as they are built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    session = scope.unit.session
    built: set[str] = set()
    unbuilt: set[str] = set()
    open_ends = set(needs_of(session, [revision_id])[revision_id].build)
    while open_ends:
        heads = scope.heads(open_ends)
        unbuilt |= {name for name, head in heads.items() if not head.is_built}
        built |= open_ends - unbuilt
        followed = (head.current for head in heads.values() if head.is_built or through_unbuilt)
        below = needs_of(session, followed).values()
        open_ends = {name for needs in below for name in needs.all} - built - unbuilt
    return Reach(frozenset(built), frozenset(unbuilt))
