"""Whether what advisories and statements speak of is known here: a name that nothing has protects nobody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.server.advisories import advisories as rows
from farm.server.channels.channel_checks import neighbours
from farm.server.federation.advisory_import import known_abroad
from farm.server.packages import packages
from farm.server.recipes import recipes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farm.core.advisories.matching import Advisory, Statement
    from farm.server.transaction.unit_of_work import UnitOfWork

_PAGE = 500
_ANYWAY = "Where it is to come yet, say --allow-unknown."


class NoSuchPackageError(FarmError):
    """An advisory or a statement speaks of a package that no recipe, build or release here has ever known."""

    code = "no-such-package"

    def __init__(self, what: str, name: str, near: str) -> None:
        super().__init__(
            f"{what} speaks of {name[:100]}, and no recipe has ever made such a package",
            remedy=f"{near} {_ANYWAY}".strip(),
        )


class NoSuchAdvisoryError(FarmError):
    """A statement is about a vulnerability that no advisory here speaks of."""

    code = "no-such-advisory"

    def __init__(self, name: str, near: str) -> None:
        super().__init__(
            f"a statement is about {name[:100]}, and no advisory has this id or alias",
            remedy=f"{near or 'Add the advisory first: `farm advisory add FILE`.'} {_ANYWAY}",
        )


def check_advisory(unit: UnitOfWork, advisory: Advisory) -> None:
    """Raise `NoSuchPackageError` for a package that nothing knows, unless this advisory spoke of it before."""
    before = rows.packages_of(unit.session, [advisory.id]).get(advisory.id, [])
    check_packages(unit, advisory.id, set(advisory.packages) - set(before))


def check_statements(unit: UnitOfWork, statements: Iterable[Statement]) -> None:
    """Raise `NoSuchPackageError` or `NoSuchAdvisoryError` for what nothing knows, unless it was stated before."""
    listed = list(statements)
    before = rows.statements_on(unit.session, {statement.package for statement in listed})
    stated = {(statement.vulnerability, statement.package) for statement in before}
    new = [statement for statement in listed if (statement.vulnerability, statement.package) not in stated]
    for statement in new:
        check_packages(unit, f"a statement about {statement.vulnerability}", [statement.package])
    if not new:
        return
    known = set(_names_of_advisories(unit)) | _names_abroad(unit, new)
    for statement in new:
        if known.isdisjoint((statement.vulnerability, *statement.aliases)):
            raise NoSuchAdvisoryError(
                statement.vulnerability, neighbours(statement.vulnerability, known) if known else ""
            )


def check_packages(unit: UnitOfWork, what: str, names: Iterable[str]) -> None:
    """Raise `NoSuchPackageError` for a package of the distribution itself that nothing here has ever made."""
    own = sorted(name for name in names if "/" not in name)
    made = recipes.recipes_of(unit.session, own)
    for name in own:
        if name not in made and not packages.builds_of(unit.session, name, limit=1):
            known = {*recipes.all_packages(unit.session), *packages.names(unit.session)}
            raise NoSuchPackageError(what, name, neighbours(name, known))


def _names_of_advisories(unit: UnitOfWork) -> Iterator[str]:
    """Yield the ids and aliases of all advisories, withdrawn ones too."""
    after = ""
    while found := rows.advisories(unit.session, after=after, limit=_PAGE):
        for advisory in found:
            yield advisory.id
            yield from json.loads(advisory.body).get("aliases", ())
        after = found[-1].id


def _names_abroad(unit: UnitOfWork, statements: Iterable[Statement]) -> set[str]:
    advisories, _ = known_abroad(unit, {statement.package for statement in statements})
    return {name for advisory in advisories for name in advisory.ids}
