"""Stores what recipes name, where a database has it from an older schema only."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from farm.core.plan.build_order import Needs, named_packages
from farm.errors import FarmError
from farm.server.recipes import recipes
from farm.server.recipes.needs import keep_needs, packages_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.server.tables.records import RecipeRevision
    from farm.server.transaction.unit_of_work import Application, UnitOfWork

_LOG = logging.getLogger("farm.server")
_AT_ONCE = 100


def complete_needs(application: Application) -> int:
    """Read the recipes whose needs an older schema had in another form, and store these; return how many were read.

    It may be interrupted, and goes on at the next call. Each process that plans builds calls it first.
    """
    read: dict[int, Needs] = {}
    unreadable: dict[int, str] = {}
    last = 0
    while True:
        with application.reading() as unit:
            some = recipes.without_needs(unit.session, after=last, limit=_AT_ONCE)
            for revision in some:
                if (needs := _read(unit, revision)) is not None:
                    read[revision.id] = needs
                else:
                    unreadable[revision.id] = revision.name
        if not some:
            break
        last = some[-1].id
    for start in range(0, len(read), _AT_ONCE):
        part = dict(sorted(read.items())[start : start + _AT_ONCE])
        with application.planning() as unit:
            keep_needs(unit.session, part | _with_older(unit, part, set(unreadable.values())))
    if unreadable:
        with application.planning() as unit:
            keep_needs(unit.session, packages_named(unit.session, unreadable))
    return len(read)


def _read(unit: UnitOfWork, revision: RecipeRevision) -> Needs | None:
    try:
        return named_packages(unit.recipes.recipe(revision))
    except FarmError as error:
        _LOG.warning("the recipe %s cannot be read, and keeps the needs it had: %s", revision.name, error)
        return None


def _with_older(unit: UnitOfWork, read: Mapping[int, Needs], unreadable: set[str]) -> dict[int, Needs]:
    """Return what revisions name together with what they had, where that has a recipe that cannot be read.

    What such a recipe requires at run time is not known: its users had it.
    """
    older = packages_named(unit.session, read) if unreadable else {}
    return {
        number: Needs(read[number].build | had.build, read[number].run | had.run)
        for number, had in older.items()
        if had.all & unreadable
    }
