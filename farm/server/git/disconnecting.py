"""Ends the connection to a repository: its previews are withdrawn, and nothing more comes from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.server.git import repositories, statuses
from farm.server.git.changes import changes_of
from farm.server.git.withdrawing import withdraw_open

if TYPE_CHECKING:
    from farm.server.git.repositories import GitRepository
    from farm.server.transaction.unit_of_work import Application, UnitOfWork


@dataclass(frozen=True, slots=True)
class Disconnected:
    """A repository that was disconnected. Its token is kept until `last_statuses` are sent, `KEPT_TO_END` at most."""

    repository: GitRepository
    last_statuses: int


def disconnect(unit: UnitOfWork, name: str, *, by: str) -> Disconnected:
    """Take no more recipes from a repository, and withdraw its previews; the submissions stay. Needs a planning unit.

    No commit stays pending on the forge: it shows an error instead, sent with the token, which is removed after that.
    Without a token nothing can be sent, and nothing is kept.
    Raises `FarmError` (`not-found`).
    """
    found = repositories.find_repository(unit.session, name)
    for change in changes_of(unit.session, name).values():
        withdraw_open(unit, found, change.submission, f"{by} has disconnected the repository")
    line = "the farm no longer previews this repository: it was disconnected"
    last = statuses.end_pending(unit, name, line) if found.token else 0
    if last:
        repositories.keep_to_end(unit, found)
    else:
        repositories.remove_repository(unit.session, name)
    return Disconnected(found, last)


def remove_ended(application: Application) -> None:
    """Remove what is kept of disconnected repositories, and their tokens, once their forges show the last statuses."""
    with application.reading() as unit:
        names = repositories.silent(unit.session, now=unit.now)
    for name in names:
        with application.writing() as unit:
            repositories.remove_repository(unit.session, name)
