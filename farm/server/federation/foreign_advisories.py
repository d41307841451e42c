"""What other distributions say about vulnerabilities in packages that are taken of them; written and read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from farm.server.tables.import_rows import ImportedAdvisoriesRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlmodel import Session

    from farm.core.names.digest import Digest


def keep(
    session: Session, distribution: str, root: Digest, *, advisories: Sequence[str], statements: str, now: datetime
) -> bool:
    """Write what a distribution says now (OSV documents, and one OpenVEX document), in place of what it said before.

    Returns whether that is something else.
    """
    row = session.get(ImportedAdvisoriesRow, distribution)
    documents = json.dumps(list(advisories))
    if row is not None and (row.root, row.advisories, row.statements) == (root, documents, statements):
        return False
    row = row or ImportedAdvisoriesRow(distribution=distribution, root=root, seen_at=now)
    row.root, row.advisories, row.statements, row.seen_at = root, documents, statements, now
    session.add(row)
    session.flush()
    return True


def kept(session: Session, distribution: str, root: Digest) -> tuple[list[str], str]:
    """Return the OSV documents and the OpenVEX document of a distribution that were verified against `root`."""
    row = session.get(ImportedAdvisoriesRow, distribution, populate_existing=True)
    if row is None or row.root != root:
        return [], ""
    return [str(load) for load in json.loads(row.advisories)], row.statements
