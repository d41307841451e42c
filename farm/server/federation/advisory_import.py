"""Reads and stores what other distributions publish about vulnerabilities in packages imported from them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.advisories.openvex import read_published
from farm.core.advisories.osv import InvalidAdvisoryError, read_osv
from farm.server.tables.import_rows import ImportedAdvisoriesRow
from farm.trust.index.advisory_index import AdvisoryIndex, InvalidAdvisoryIndexError, open_advisory

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from collections.abc import Set as AbstractSet

    from farm.core.advisories.matching import Advisory, Statement
    from farm.core.plan.job import BlobRef
    from farm.core.recipe.distributions import OtherDistribution
    from farm.server.transaction.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class ImportedAdvisories:
    """OSV documents about imported packages, and the OpenVEX document that belongs to them, empty if there is none."""

    advisories: tuple[str, ...] = ()
    statements: str = ""


def read_advisory_list(
    content: bytes | None, owner: str, packages: Collection[str], read: Callable[[BlobRef, str], bytes]
) -> ImportedAdvisories:
    """Return what the verified list `content` of `owner` (None: it has none) states about its `packages`.

    `packages` are short names; `read` returns the verified bytes of a blob. Raises `InvalidAdvisoryIndexError`, and
    what `read` raises.
    """
    if content is None:
        return ImportedAdvisories()
    index = AdvisoryIndex.from_json(content)
    if index.distribution != owner:
        raise InvalidAdvisoryIndexError(
            f"the list of advisories is of {index.distribution}, not of {owner}", remedy=f"Tell the owner of {owner}."
        )
    listed = index.about(set(packages))
    for advisory in listed:
        open_advisory(advisory, owner, lambda blob: read(blob, f"advisory of {owner}"))
    statements = b""
    if listed and index.statements:
        statements = read(index.statements, f"statements of {owner} about advisories")
        try:
            read_published(statements, owner)
        except InvalidAdvisoryError as error:
            raise InvalidAdvisoryIndexError(f"the statements of {owner} are invalid: {error.message}") from error
    documents = tuple(read(advisory.document, f"advisory {advisory.id} of {owner}").decode() for advisory in listed)
    return ImportedAdvisories(documents, statements.decode())


def keep_published_advisories(unit: UnitOfWork, distribution: OtherDistribution, documents: ImportedAdvisories) -> bool:
    """Store what a distribution publishes, replacing what it published before; return whether it has changed."""
    row = unit.session.get(ImportedAdvisoriesRow, distribution.name)
    advisories = json.dumps(list(documents.advisories))
    new = (distribution.root, advisories, documents.statements)
    if row is not None and (row.root, row.advisories, row.statements) == new:
        return False
    unit.session.merge(
        ImportedAdvisoriesRow(
            distribution=distribution.name,
            root=distribution.root,
            advisories=advisories,
            statements=documents.statements,
            seen_at=unit.now,
        )
    )
    return True


def imported_advisories(unit: UnitOfWork, names: AbstractSet[str]) -> tuple[list[Advisory], list[Statement]]:
    """Return what other distributions publish about their packages (full names), without what is withdrawn."""
    advisories: list[Advisory] = []
    statements: list[Statement] = []
    for owner in sorted({name.rpartition("/")[0] for name in names if "/" in name}):
        distribution = unit.inputs.distributions.get(owner)
        row = unit.session.get(ImportedAdvisoriesRow, owner, populate_existing=True)
        if distribution is None or row is None or row.root != distribution.root:
            continue
        published = (read_osv(document.encode(), owner) for document in json.loads(row.advisories))
        imported = (advisory.as_imported_by(owner) for advisory in published)
        advisories += [
            advisory for advisory in imported if not advisory.withdrawn and not names.isdisjoint(advisory.packages)
        ]
        stated = read_published(row.statements.encode(), owner) if row.statements else ()
        statements += filter(None, (statement.as_imported_by(owner) for statement in stated))
    return advisories, statements
