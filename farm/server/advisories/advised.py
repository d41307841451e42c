"""Whether the packages and vulnerabilities that advisories and statements name are known: a typo protects nobody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.server.advisories import advisories as rows
from farm.server.channels.channel_checks import neighbours
from farm.server.federation.advisory_import import imported_advisories
from farm.server.packages import packages
from farm.server.recipes import recipes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farm.core.advisories.matching import Advisory, Statement
    from farm.server.transaction.unit_of_work import UnitOfWork

_PAGE = 500
_ANYWAY = "If it is still to come, use --allow-unknown."


def check_advisory(unit: UnitOfWork, advisory: Advisory) -> None:
    """Raise `FarmError` (`no-such-package`) for an unknown package, unless this advisory named it before."""
    before = rows.packages_of(unit.session, [advisory.id]).get(advisory.id, [])
    check_packages(unit, advisory.id, set(advisory.packages) - set(before))


def check_statements(unit: UnitOfWork, statements: Iterable[Statement]) -> None:
    """Raise `FarmError` (`no-such-package`, `no-such-advisory`) for unknown names, unless that was stated before."""
    listed = list(statements)
    before = rows.statements_on(unit.session, {statement.package for statement in listed})
    stated = {(statement.vulnerability, statement.package) for statement in before}
    new = [statement for statement in listed if (statement.vulnerability, statement.package) not in stated]
    for statement in new:
        check_packages(unit, f"a statement about {statement.vulnerability}", [statement.package])
    if not new:
        return
    known = set(_names_of_advisories(unit)) | _imported_names(unit, new)
    for statement in new:
        if known.isdisjoint((statement.vulnerability, *statement.aliases)):
            name = statement.vulnerability
            near = neighbours(name, known) or "Add the advisory first: `farm advisory add FILE`."
            raise FarmError(
                f"a statement is about {name[:100]}, and no advisory has this id or alias",
                remedy=f"{near} {_ANYWAY}",
                code="no-such-advisory",
            )


def check_packages(unit: UnitOfWork, what: str, names: Iterable[str]) -> None:
    """Raise `FarmError` (`no-such-package`) for a package of this distribution that no recipe ever made."""
    own = sorted(name for name in names if "/" not in name)
    made = recipes.recipes_of(unit.session, own)
    for name in own:
        if name not in made and not packages.builds_of(unit.session, name, limit=1):
            known = {*recipes.all_packages(unit.session), *packages.names(unit.session)}
            raise FarmError(
                f"{what} names the package {name[:100]}, which no recipe has ever made",
                remedy=f"{neighbours(name, known)} {_ANYWAY}".strip(),
                code="no-such-package",
            )


def _names_of_advisories(unit: UnitOfWork) -> Iterator[str]:
    """Yield the ids and aliases of all advisories, withdrawn ones too."""
    after = ""
    while found := rows.advisories(unit.session, after=after, limit=_PAGE):
        for advisory in found:
            yield advisory.id
            yield from json.loads(advisory.body).get("aliases", ())
        after = found[-1].id


def _imported_names(unit: UnitOfWork, statements: Iterable[Statement]) -> set[str]:
    advisories, _ = imported_advisories(unit, {statement.package for statement in statements})
    return {name for advisory in advisories for name in advisory.ids}
