"""Comparisons of the interfaces of libraries: asked for once for two builds, and answered once; written and read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import col, select, update

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.plan.abi import AbiOrder, AbiOutcome
from farm.server.tables.job_rows import ComparisonRow
from farm.server.tables.parts import in_parts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session


@dataclass(frozen=True, slots=True)
class Comparison:
    """The comparison of the library `soname` of a package (by its short name) in two builds.

    `outcome` is None until a worker has reported it, in the job `job`.
    """

    order: AbiOrder
    package: str
    soname: str
    outcome: AbiOutcome | None = None
    job: int | None = None


def keep(session: Session, comparison: Comparison) -> None:
    """Keep what is to be compared under the digest of its order."""
    digest = comparison.order.digest
    if session.get(ComparisonRow, digest) is None:
        body = canonical_json(comparison.order.to_dict()).decode()
        session.add(ComparisonRow(digest=digest, package=comparison.package, soname=comparison.soname, body=body))
        session.flush()


def comparison(session: Session, digest: Digest) -> Comparison:
    """Return a comparison that was kept."""
    return _comparison(session.get_one(ComparisonRow, digest))


def comparisons(session: Session, digests: Iterable[Digest]) -> dict[Digest, Comparison]:
    """Return those of these comparisons that were kept, by the digest of their order."""
    found: dict[Digest, Comparison] = {}
    for some in in_parts(digests):
        query = select(ComparisonRow).where(col(ComparisonRow.digest).in_(some))
        found |= {Digest(row.digest): _comparison(row) for row in session.exec(query)}
    return found


def record_outcome(session: Session, digest: Digest, outcome: AbiOutcome, *, job_id: int) -> None:
    """Write down what a comparison came to, unless that was done."""
    session.exec(
        update(ComparisonRow)
        .where(col(ComparisonRow.digest) == digest, col(ComparisonRow.outcome) == "")
        .values(outcome=canonical_json(outcome.to_dict()).decode(), job_id=job_id)
    )


def _comparison(row: ComparisonRow) -> Comparison:
    return Comparison(
        order=AbiOrder.from_dict(json.loads(row.body)),
        package=row.package,
        soname=row.soname,
        outcome=AbiOutcome.from_dict(json.loads(row.outcome)) if row.outcome else None,
        job=row.job_id,
    )
