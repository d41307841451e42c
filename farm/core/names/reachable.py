"""The reachable nodes of a graph that a function defines. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_Node = TypeVar("_Node")


def reachable(starts: Iterable[_Node], following: Callable[[_Node], Iterable[_Node]]) -> list[_Node]:
    """Return the nodes reachable from `starts`, which come first: breadth first, each node once.

    `following` returns the nodes that follow a node; it is called once for each.
    """
    found = dict.fromkeys(starts)
    order = list(found)
    for node in order:  # grows while it is walked
        for other in following(node):
            if other not in found:
                found[other] = None
                order.append(other)
    return order
