"""The chains of needs by which a package is in a set: from each requested package to one that provides it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farm.client.audit.dependents import Dependent, Query
    from farm.client.audit.need_sets import NeedSet


def chains_to(wanted: Query, asked: NeedSet, found: Sequence[Dependent]) -> list[list[str]]:
    """Return the names from each requested package to one that provides what is wanted; `found` are its dependents."""
    return list(_chains(wanted, asked, found))


def _chains(wanted: Query, asked: NeedSet, found: Sequence[Dependent]) -> Iterator[list[str]]:
    names = {name for word in asked.asked for name in (word, word.rpartition("/")[2])}
    for provider in wanted.providers:
        if provider in names:
            yield [provider]
    for dependent in found:
        if dependent.name in names:
            yield [*(dependent.path or (dependent.name,)), *wanted.providers[:1]]
