"""Plans, as canonical JSON under their digests; `build_numbers` gives them their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.server.tables.job_rows import PlanRow
from farm.server.tables.writing import add_unless_stored

if TYPE_CHECKING:
    from sqlmodel import Session

    from farm.core.names.digest import Digest
    from farm.core.plan.plan import Plan


def keep_plan(session: Session, plan: Plan) -> None:
    """Store a plan's canonical JSON under its digest."""
    add_unless_stored(session, PlanRow(digest=plan.digest, name=plan.name.short, body=plan.to_json().decode()))


def find_plan_text(session: Session, digest: Digest) -> str | None:
    """Return the canonical JSON of a plan, if it is stored."""
    row = session.get(PlanRow, digest)
    return row.body if row is not None else None
