"""What the signer refused: rows of excuses, read also after they are cleared, as a refusal outlasts its candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import col, func, select, update

from farm.core.policy.gate_kind import GateKind
from farm.server.channels.excuses import Excuse, KeptExcuse
from farm.server.channels.releases import newest_release
from farm.server.tables.curation_rows import ExcuseRow
from farm.server.tables.reading import in_parts

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from sqlmodel import Session

    from farm.core.names.digest import Digest


def in_force(session: Session, channel: str, packages: Mapping[str, Digest | None], *, now: datetime) -> list[Excuse]:
    """Return the refusals of exactly these packages that still count; None stands for the removal of one."""
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
                found[row.package] = KeptExcuse.of(row).excuse
    return list(found.values())


def ask_again(
    session: Session, *, now: datetime, channel: str | None = None, packages: Collection[str] | None = None
) -> None:
    """End the refusals that still count: of one channel or all, of some packages or all."""
    still = update(ExcuseRow).where(col(ExcuseRow.gate) == GateKind.SIGNER, col(ExcuseRow.until) > now)
    if channel is not None:
        still = still.where(col(ExcuseRow.channel) == channel)
    for names in in_parts(packages) if packages is not None else [None]:
        some = still if names is None else still.where(col(ExcuseRow.package).in_(names))
        session.exec(some.values(until=now))


def count(session: Session, channel: str, package: str, digest: Digest | None) -> int:
    """Return how many times the signer refused a package on a channel.

    Without a digest (a removal, or a whole candidate), refusals are counted since the last release.
    """
    query = select(func.count()).where(
        ExcuseRow.channel == channel,
        ExcuseRow.gate == GateKind.SIGNER,
        ExcuseRow.package == package,
        ExcuseRow.digest == (digest or ""),
        ExcuseRow.root == "",
    )
    if digest is None and (newest := newest_release(session, channel)) is not None:
        query = query.where(col(ExcuseRow.since) > newest.published_at)
    return session.exec(query).one()
