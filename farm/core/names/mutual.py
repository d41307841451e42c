"""The groups of nodes of a graph that reach each other. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def mutual_groups(following: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Return the nodes in groups that reach each other: a group comes after all others that it reaches.

    `following` has each node with those that follow it, which are nodes too. These are strongly connected components,
    found by Tarjan's algorithm, without recursion.
    """
    place: dict[str, int] = {}
    lowest: dict[str, int] = {}
    height: dict[str, int] = {}
    groups: list[list[str]] = []
    stack: list[str] = []
    grouped: set[str] = set()
    for start in following:
        path = [(start, iter(following[start]))] if start not in place else []
        while path:
            name, others = path[-1]
            if name not in place:
                place[name] = lowest[name] = len(place)
                height[name] = len(stack)
                stack.append(name)
            for other in others:
                if other not in place:
                    path.append((other, iter(following[other])))
                    break
                if other not in grouped:
                    lowest[name] = min(lowest[name], place[other])
            else:
                path.pop()
                if path:
                    above = path[-1][0]
                    lowest[above] = min(lowest[above], lowest[name])
                if lowest[name] == place[name]:
                    groups.append(stack[height[name] :])
                    grouped.update(groups[-1])
                    del stack[height[name] :]
    return groups
