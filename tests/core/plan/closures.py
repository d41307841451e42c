"""What a build waits for, as the farm once stored it for each job: every recipe on every path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.names.reachable import reachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.plan.build_order import Needs


def waits_for(graph: Mapping[str, Needs], name: str) -> frozenset[str]:
    """Return the recipes that are built before one: its build-needs, what these require, and so on from each."""

    def environment(of: str) -> frozenset[str]:
        return frozenset(reachable(graph[of].build, lambda other: graph[other].run))

    return frozenset(reachable(environment(name), environment))
