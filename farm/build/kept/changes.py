"""Whether a kept build can go on with a recipe that has changed since: what it has done must be what would be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.core.plan.plan import Plan

_SETTLED = {
    "name": "the name",
    "version": "the version",
    "platform": "the platform",
    "toolchain": "the toolchain",
    "sources": "source",
    "environment": "environment",
    "shadows": "shadows",
    "source_epoch": "source-epoch",
    "protocol": "the version of how farm builds",
}
"""Fields of a plan that the steps before have used, and what a recipe calls them."""


def changes_before(kept: Plan, now: Plan, step: int) -> tuple[str, ...]:
    """Return what differs of the inputs of the steps before number `step`, in words; nothing if the build can go on."""
    return tuple(_changes(kept, now, step))


def _changes(kept: Plan, now: Plan, step: int) -> Iterator[str]:
    for field, word in _SETTLED.items():
        if getattr(kept, field) != getattr(now, field):
            yield word
    before, after = ({need.name.short: need.tree for need in plan.dependencies} for plan in (kept, now))
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield f"the package {name}"
    for number in range(step):
        one, other = kept.steps[number : number + 1], now.steps[number : number + 1]
        if one != other:
            yield f"step {number + 1}, {one[0].title!r}"
