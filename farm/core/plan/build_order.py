"""The order in which recipes are built, from their direct needs alone: time and memory grow with these, not with paths.

A build waits for its build-needs, and for all that these require at run time. So a cycle makes builds wait for
themselves exactly if one of its needs is a build-need.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.names.mutual import mutual_groups
from farm.core.plan.graph import DependencyCycleError, of_this_distribution

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.core.recipe.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Needs:
    """The packages, or recipes, that a recipe names: those it is built with, and those it requires at run time."""

    build: frozenset[str] = frozenset()
    run: frozenset[str] = frozenset()

    @property
    def all(self) -> frozenset[str]:
        """All of them."""
        return self.build | self.run


def named_packages(recipe: Recipe) -> Needs:
    """Return the packages of its own distribution that a recipe names."""
    return Needs(
        frozenset(of_this_distribution(recipe.build_needs)), frozenset(of_this_distribution(recipe.required_packages))
    )


def build_order(needs: Mapping[str, Needs]) -> tuple[str, ...]:
    """Return recipes so that each comes after what its build waits for, otherwise by name.

    What is not among the keys needs nothing. Raises `DependencyCycleError`.
    """
    groups = mutual_groups({name: sorted(_within(needs, name)) for name in sorted(needs)})
    group_of = {name: number for number, group in enumerate(groups) for name in group}
    for name in sorted(needs):
        for other in sorted(needs[name].build):
            if group_of.get(other) == group_of[name]:
                raise DependencyCycleError(_cycle(needs, name, other, groups[group_of[name]]))
    return tuple(name for number in _ordered(needs, groups, group_of) for name in sorted(groups[number]))


def _within(needs: Mapping[str, Needs], name: str) -> Iterable[str]:
    return (other for other in needs[name].all if other in needs)


def _ordered(needs: Mapping[str, Needs], groups: list[list[str]], group_of: Mapping[str, int]) -> Iterable[int]:
    """Yield the groups, each after those that it needs; of several, the one with the smallest name first."""
    waits: dict[int, set[int]] = {number: set() for number in range(len(groups))}
    users: dict[int, set[int]] = {number: set() for number in range(len(groups))}
    for name in needs:
        for other in _within(needs, name):
            if group_of[other] != group_of[name]:
                waits[group_of[name]].add(group_of[other])
                users[group_of[other]].add(group_of[name])
    ready = [(min(groups[number]), number) for number, others in waits.items() if not others]
    heapq.heapify(ready)
    while ready:
        _, number = heapq.heappop(ready)
        yield number
        for user in users[number]:
            waits[user].discard(number)
            if not waits[user]:
                heapq.heappush(ready, (min(groups[user]), user))


def _cycle(needs: Mapping[str, Needs], name: str, need: str, group: Iterable[str]) -> tuple[str, ...]:
    """Return the shortest cycle through a build-need: each recipe stands before what it needs, the first also last."""
    members = set(group)
    came_from = {need: ""}
    open_ends = [need]
    for here in open_ends:  # grows while it is walked
        if here == name:
            break
        for other in sorted(needs[here].all & members - came_from.keys()):
            came_from[other] = here
            open_ends.append(other)
    path = [name]
    while came_from[path[-1]]:
        path.append(came_from[path[-1]])
    around = [name, *reversed(path)] if need != name else [name, name]
    turned = around[:-1]
    first = turned.index(min(turned))
    return (*turned[first:], *turned[: first + 1])
