"""Ends the connection to a repository: its previews are withdrawn, and nothing more comes from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.server.git import repositories
from farm.server.git.changes import changes_of
from farm.server.git.withdrawing import withdraw_open

if TYPE_CHECKING:
    from farm.server.git.repositories import GitRepository
    from farm.server.transaction.unit_of_work import UnitOfWork


def disconnect(unit: UnitOfWork, name: str, *, by: str) -> GitRepository:
    """Take no more recipes from a repository, and withdraw its previews; the submissions stay. Needs a planning unit.

    Raises `FarmError` (`not-found`).
    """
    found = repositories.find_repository(unit.session, name)
    for change in changes_of(unit.session, name).values():
        withdraw_open(unit, found, change.submission, f"{by} has disconnected the repository")
    repositories.remove_repository(unit.session, name)
    return found
