"""What the signer refused: rows of excuses, read also after they were cleared, for a refusal outlasts its candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import col, func, select

from farm.database.curation_rows import ExcuseRow
from farm.database.excuses import Excuse, kept_excuse
from farm.database.parts import in_parts
from farm.recipe.gate_kind import GateKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlmodel import Session
    from sqlmodel.sql.expression import SelectOfScalar

    from farm.names import Digest


def in_force(session: Session, channel: str, packages: Mapping[str, Digest | None], *, now: datetime) -> list[Excuse]:
    """Return the refusals of these very packages that still count, one for each; None: of their going."""
    found: dict[str, Excuse] = {}
    for names in in_parts(packages):
        query = select(ExcuseRow).where(
            ExcuseRow.channel == channel,
            ExcuseRow.gate == GateKind.SIGNER,
            col(ExcuseRow.package).in_(names),
            col(ExcuseRow.until) > now,
        )
        for row in session.exec(query.order_by(col(ExcuseRow.id))):
            if row.digest == (packages[row.package] or "") and not row.root:
                found[row.package] = kept_excuse(row).excuse
    return list(found.values())


def count(session: Session, channel: str, package: str, digest: Digest | None) -> int:
    """Return how many times the signer refused a package on a channel."""
    return session.exec(_counting(channel, package, digest)).one()


def count_whole(session: Session, channel: str, *, since: datetime | None) -> int:
    """Return how many candidates of a channel the signer refused as a whole since then, or ever."""
    query = _counting(channel, "", None)
    return session.exec(query if since is None else query.where(col(ExcuseRow.since) >= since)).one()


def _counting(channel: str, package: str, digest: Digest | None) -> SelectOfScalar[int]:
    return select(func.count()).where(
        ExcuseRow.channel == channel,
        ExcuseRow.gate == GateKind.SIGNER,
        ExcuseRow.package == package,
        ExcuseRow.digest == (digest or ""),
        ExcuseRow.root == "",
    )
