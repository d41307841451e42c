"""Who owns which recipes, in the database: what the files said last, or why they cannot be used."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm.core.names.canonical_json import canonical_json
from farm.server.tables.recipe_rows import OwnershipRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

_ONLY = 1


@dataclass(frozen=True, slots=True)
class Ownership:
    """The text of `OWNERS` in force (none: recipes have no owners), and public keys of people, by name, by group.

    While there are `troubles`, a line for each fault, nothing can be submitted.
    """

    owners: str | None = None
    curators: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()


def ownership(session: Session) -> Ownership | None:
    """Return who owns what; None before the files were read for the first time."""
    row = session.get(OwnershipRow, _ONLY, populate_existing=True)
    if row is None:
        return None
    return Ownership(row.owners, json.loads(row.curators), tuple(row.trouble.split("\n")) if row.trouble else ())


def set_ownership(session: Session, said: Ownership) -> None:
    """Put this in force."""
    row = session.get(OwnershipRow, _ONLY) or OwnershipRow()
    row.owners = said.owners
    row.curators = canonical_json({group: dict(members) for group, members in said.curators.items()}).decode()
    row.trouble = "\n".join(said.troubles)
    session.add(row)
    session.flush()
