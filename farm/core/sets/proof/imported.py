"""Which packages of other distributions a set needs: those that it names, and what these need and it lacks itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from farm.core.sets.members.member import Member


@dataclass(frozen=True, slots=True)
class ImportCandidate:
    """A foreign package that could be a member. `needs` are the full names of what meets its requirements at home."""

    member: Member
    needs: tuple[str, ...] = ()


def select_imported(
    wanted: Iterable[str], offers: Mapping[str, ImportCandidate], served: Callable[[str], bool]
) -> dict[str, Member]:
    """Return the foreign members of a set by full name; `offers` are all that there are, by full name.

    `wanted` are the full names that own packages require, `served` says whether an own package provides a capability:
    then that one serves, and nothing foreign comes in for it. What nobody offers is left out, for a proof to tell.
    """
    found: dict[str, Member] = {}
    waiting = [name for name in sorted(set(wanted)) if name in offers]
    while waiting:
        name = waiting.pop()
        offer = offers[name]
        found[name] = offer.member
        lacking = {
            requirement
            for requirement in offer.member.requires
            if requirement not in offer.member.provides and not served(requirement)
        }
        waiting += [
            need
            for need in offer.needs
            if need in offers and need not in found and not lacking.isdisjoint(offers[need].member.provides)
        ]
    return dict(sorted(found.items()))
