"""Rolling back to a state that a root still has: one rename, and nothing is fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.client.root.generations import RootError
from farm.client.root.installation import Change
from farm.core.sets.members.set_record import changes
from farm.errors import FarmError

if TYPE_CHECKING:
    from farm.client.root.generation import Generation
    from farm.client.root.generations import Root


def roll_back(root: Root, number: int | None = None) -> Change:
    """Make a state the current one; without a number, the one before the current.

    With a number, the record of the current state need not be readable. Raises `no-such-generation`, `RootError`.
    """
    with root.locked(make=False):
        try:
            before: Generation | None = root.installed()
        except RootError:
            if number is None:
                raise
            before = None
        if before and number is None:
            earlier = [generation.number for generation in root.generations() if generation.number < before.number]
            if not earlier:
                raise FarmError(
                    f"{root.path} keeps no generation before {before.number}, the current one",
                    remedy="Nothing was changed. See `farm list --root` with --generations.",
                    code="no-such-generation",
                )
            number = earlier[-1]
        assert number is not None  # noqa: S101  (given, or found above)
        after = root.roll_back(number)
        return Change(before, after, changes(before.set if before else None, after.set))
