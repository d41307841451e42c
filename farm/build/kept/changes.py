"""Whether a kept build can go on with a recipe that has changed since: what it has done must be what would be done."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.core.recipe.archive_names import OTHER_SUFFIXES, UNPACKED_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from farm.core.plan.plan import Plan

_SETTLED = {
    "name": "the name",
    "version": "the version",
    "platform": "the platform",
    "toolchain": "the toolchain",
    "environment": "environment",
    "shadows": "shadows",
    "source_epoch": "source-epoch",
    "protocol": "the version of how farm builds",
}
"""Fields of a plan that the steps before have used, and what a recipe calls them."""


def changes_before(kept: Plan, now: Plan, step: int, replaced: Collection[str] = ()) -> tuple[str, ...]:
    """Return what differs of the inputs of the steps before number `step`, in words; nothing if the build can go on.

    The sources `replaced` may differ.
    """
    return tuple(_changes(kept, now, step, replaced))


def replaced_files(kept: Plan, now: Plan, beside: Collection[str]) -> tuple[str, ...]:
    """Return the sources with other content than before that farm itself does nothing with: a step finds the new one.

    `beside` are the files beside the recipe. Archives and patches have been unpacked and applied already.
    """
    before = {source.file: source for source in kept.sources}
    return tuple(
        source.file
        for source in now.sources
        if source.file in beside
        and source.file in before
        and source.digest != before[source.file].digest
        and source == replace(before[source.file], digest=source.digest)
        and not (source.unpack or source.patch or source.file.lower().endswith(UNPACKED_SUFFIXES + OTHER_SUFFIXES))
    )


def _changes(kept: Plan, now: Plan, step: int, replaced: Collection[str]) -> Iterator[str]:
    for field, word in _SETTLED.items():
        if getattr(kept, field) != getattr(now, field):
            yield word
    yield from _changed_sources(kept, now, replaced)
    before, after = ({need.name.short: need.tree for need in plan.dependencies} for plan in (kept, now))
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield f"the package {name}"
    for number in range(step):
        one, other = kept.steps[number : number + 1], now.steps[number : number + 1]
        if one != other:
            yield f"step {number + 1}, {one[0].title!r}"


def _changed_sources(kept: Plan, now: Plan, replaced: Collection[str]) -> Iterator[str]:
    one, other = (
        {source.file: source for source in plan.sources if source.file not in replaced} for plan in (kept, now)
    )
    changed = [file for file in sorted(one.keys() | other.keys()) if one.get(file) != other.get(file)]
    yield from (f"the source {file}" for file in changed)
    if not changed and list(one) != list(other):
        yield "the order of the sources"
