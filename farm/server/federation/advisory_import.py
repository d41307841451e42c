"""What other distributions have signed about vulnerabilities in packages that are taken of them: read, and kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.advisories.openvex import read_published
from farm.core.advisories.osv import InvalidAdvisoryError, read_osv
from farm.server.federation import foreign_advisories as rows
from farm.trust.index.advisory_index import AdvisoryIndex, InvalidAdvisoryIndexError, open_advisory

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from collections.abc import Set as AbstractSet

    from farm.core.advisories.matching import Advisory, Statement
    from farm.core.plan.job import BlobRef
    from farm.core.recipe.distributions import OtherDistribution
    from farm.server.transaction.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class SaidAbroad:
    """OSV documents about packages that are taken, and the OpenVEX document beside them, empty when there is none."""

    advisories: tuple[str, ...] = ()
    statements: str = ""


def read_abroad(
    content: bytes | None, owner: str, packages: Collection[str], read: Callable[[BlobRef, str], bytes]
) -> SaidAbroad:
    """Return what the verified list `content` of `owner` (none: it publishes no list) names about its `packages`.

    `packages` are short names; `read` brings the verified bytes of a blob. Raises `InvalidAdvisoryIndexError`, and what
    `read` raises.
    """
    if content is None:
        return SaidAbroad()
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
            raise InvalidAdvisoryIndexError(f"the statements of {owner} are none: {error.message}") from error
    documents = tuple(read(advisory.document, f"advisory {advisory.id} of {owner}").decode() for advisory in listed)
    return SaidAbroad(documents, statements.decode())


def keep_abroad(unit: UnitOfWork, distribution: OtherDistribution, said: SaidAbroad) -> bool:
    """Keep what a distribution says, in place of what it said before; returns whether that is something else."""
    return rows.keep(
        unit.session,
        distribution.name,
        distribution.root,
        advisories=said.advisories,
        statements=said.statements,
        now=unit.now,
    )


def known_abroad(unit: UnitOfWork, names: AbstractSet[str]) -> tuple[list[Advisory], list[Statement]]:
    """Return what other distributions say about packages of theirs (full names), and is not withdrawn."""
    advisories: list[Advisory] = []
    statements: list[Statement] = []
    for owner in sorted({name.rpartition("/")[0] for name in names if "/" in name}):
        distribution = unit.inputs.foreign.get(owner)
        if distribution is None:
            continue
        documents, stated = rows.kept(unit.session, owner, distribution.root)
        told = [read_osv(document.encode(), owner).as_imported_by(owner) for document in documents]
        advisories += [
            advisory for advisory in told if advisory.withdrawn is None and not names.isdisjoint(advisory.packages)
        ]
        said = (
            [statement.as_imported_by(owner) for statement in read_published(stated.encode(), owner)] if stated else []
        )
        statements += [each for each in said if each is not None]
    return advisories, statements
