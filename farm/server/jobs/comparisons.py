"""Comparisons of the interfaces of libraries: requested once for two builds, and answered once; written and read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import col, select, update

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.plan.abi import AbiOrder, AbiOutcome
from farm.server.tables.job_rows import ComparisonRow
from farm.server.tables.reading import ColumnText, Record, rows_with
from farm.server.tables.writing import add_unless_stored

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session


_ORDER = ColumnText(lambda text: AbiOrder.from_dict(json.loads(text)), lambda order: _json(order.to_dict()))
_OUTCOME = ColumnText(
    lambda text: AbiOutcome.from_dict(json.loads(text)) if text else None,
    lambda outcome: _json(outcome.to_dict()) if outcome else "",
)


@dataclass(frozen=True, slots=True)
class Comparison(
    Record,
    columns={"order": "body", "job": "job_id"},
    texts={"order": _ORDER, "outcome": _OUTCOME},
):
    """The comparison of the library `soname` of a package (by its short name) in two builds.

    `outcome` is None until a worker has reported it, in the job `job`.
    """

    order: AbiOrder
    package: str
    soname: str
    outcome: AbiOutcome | None = None
    job: int | None = None


def keep(session: Session, comparison: Comparison) -> None:
    """Store a comparison under the digest of its order."""
    add_unless_stored(session, ComparisonRow(digest=comparison.order.digest, **comparison.columns()))


def comparison(session: Session, digest: Digest) -> Comparison:
    """Return a stored comparison."""
    return Comparison.of(session.get_one(ComparisonRow, digest))


def comparisons(session: Session, digests: Iterable[Digest]) -> dict[Digest, Comparison]:
    """Return the stored ones among these comparisons, by the digest of their order."""
    rows = rows_with(session, select(ComparisonRow), ComparisonRow.digest, digests)
    return {Digest(row.digest): Comparison.of(row) for row in rows}


def record_outcome(session: Session, digest: Digest, outcome: AbiOutcome, *, job_id: int) -> None:
    """Record the result of a comparison, unless it has one."""
    session.exec(
        update(ComparisonRow)
        .where(col(ComparisonRow.digest) == digest, col(ComparisonRow.outcome) == "")
        .values(outcome=_OUTCOME.write(outcome), job_id=job_id)
    )


def _json(form: object) -> str:
    return canonical_json(form).decode()
