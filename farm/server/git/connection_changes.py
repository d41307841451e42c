"""Changes how a repository is connected. What is known of it stays: its head, its changes, and their previews."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlmodel import col, update

from farm.server.git import repositories
from farm.server.tables.git_rows import GitRepositoryRow
from farm.server.tables.reading import JSON_LIST

if TYPE_CHECKING:
    from farm.server.git.repositories import GitRepository
    from farm.server.tables.git_rows import PreviewPermission
    from farm.server.transaction.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionChange:
    """What is to be changed; what is None stays. An empty `token` is none from now on; a `new_secret` is drawn."""

    token: str | None = field(default=None, repr=False)
    new_secret: bool = False
    branch: str | None = None
    previews: PreviewPermission | None = None
    members: tuple[str, ...] | None = None

    @property
    def subjects(self) -> tuple[str, ...]:
        """What it changes, by name; no value of it."""
        changed = {
            "token": self.token is not None,
            "secret": self.new_secret,
            "branch": self.branch is not None,
            "previews": self.previews is not None,
            "members": self.members is not None,
        }
        return tuple(name for name, is_changed in changed.items() if is_changed)


def change_connection(unit: UnitOfWork, name: str, asked: ConnectionChange) -> GitRepository:
    """Change how a repository is connected, and have it read at once.

    What differs on another branch from what was taken last is submitted, as if it was merged.
    Raises `FarmError` (`not-found`, `invalid-repository`).
    """
    repositories.find_repository(unit.session, name)
    values: dict[str, object] = {}
    if asked.token is not None:
        values["token"] = asked.token
    if asked.new_secret:
        values["secret"] = repositories.new_secret()
    if asked.branch is not None:
        repositories.check_branch(asked.branch)
        values["branch"] = asked.branch
    if asked.previews is not None:
        values["previews"] = asked.previews
    if asked.members is not None:
        values["members"] = JSON_LIST.write(sorted(set(asked.members)))
    if values:
        unit.session.exec(update(GitRepositoryRow).where(col(GitRepositoryRow.name) == name).values(**values))
        repositories.make_due(unit.session, name, now=unit.now)
    return repositories.find_repository(unit.session, name)
