"""Repositories that recipes come from: connected, found, and due to be read. The secret is returned once."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlmodel import col, delete, exists, func, or_, select, update

from farm.errors import FarmError
from farm.server.tables.git_rows import (
    CommitStatusRow,
    Forge,
    GitChangeRow,
    GitDeliveryRow,
    GitRepositoryRow,
    PreviewPermission,
)
from farm.server.tables.reading import JSON_LIST, Record
from farm.server.tables.writing import changes_rows
from farm.server.transaction.text import truncate_text
from farm.store.git.remote import GitRemote, check_remote_url

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlmodel import Session

    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.store.http.address_guard import AddressGuard

PAUSES = tuple(timedelta(seconds=seconds) for seconds in (10, 60, 300, 900, 3600))
"""How long a repository that cannot be read is left alone, after each failure in a row; then as after the last."""
BETWEEN_WEBHOOKS = timedelta(seconds=15)
"""How long after a reading webhooks are waited for before the next."""
KEPT_TO_END = timedelta(hours=1)
"""How long a repository that was disconnected is kept, with its token, for its last statuses to be sent."""
RESERVED = timedelta(minutes=30)
"""How long nobody else reads a repository that somebody has begun to read."""
_SECRET_BYTES = 32
_LONGEST_TROUBLE = 1000
_PROJECT = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]{0,199}")
_PUBLIC_FORGE, _PUBLIC_API = "github.com", "https://api.github.com"
_ENDED = "@"
"""In the name of a repository that was disconnected; nothing can be connected by such a name."""
_API_PATHS = {Forge.GITHUB: "/api/v3", Forge.FORGEJO: "/api/v1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRepository(Record, texts={"members": JSON_LIST}):
    """A connected repository. `head` is the commit of its branch up to which recipes were submitted; empty at first.

    `trouble` is why it could not be read the last time, `failures` how often in a row. `refused` is tried at each look
    where it `retries`, else no more. Nothing is asked of the forge before `not_before`. It is read again at `due_at`;
    one that was disconnected (`status_sender`) is never read, and removed then at the latest.
    """

    name: str
    url: str
    branch: str
    path: str
    forge: Forge
    api: str
    project: str
    secret: str = field(repr=False)
    token: str = field(repr=False)
    previews: PreviewPermission
    members: tuple[str, ...]
    created_by: str
    created_at: datetime
    head: str
    refused: str
    retries: bool
    due_at: datetime
    synced_at: datetime | None
    delivered_at: datetime | None
    not_before: datetime | None
    failures: int
    trouble: str

    @property
    def submitter(self) -> str:
        """The submitter of what comes from it, as the audit trail names it."""
        return f"git:{self.name}"

    @property
    def remote(self) -> GitRemote:
        """Where git reads it."""
        return GitRemote(self.url, self.token)

    @property
    def packages(self) -> str:
        """The directory of its recipes."""
        return f"{self.path}/packages" if self.path else "packages"


@dataclass(frozen=True, slots=True)
class RepositoryRequest:
    """A repository to be connected. An empty `api` is the usual one of the forge; an empty `path` is the top."""

    name: str
    url: str
    branch: str
    path: str
    forge: Forge
    api: str
    token: str = field(repr=False)
    previews: PreviewPermission
    members: tuple[str, ...]


def connect(unit: UnitOfWork, asked: RepositoryRequest, *, by: str, guard: AddressGuard | None = None) -> GitRepository:
    """Let recipes come from a repository from now on; what it has now is taken as known, and not submitted.

    Addresses that `guard` forbids are refused at once; what a name resolves to is checked at each reading.
    Raises `ForbiddenAddressError`, `FarmError` (`invalid-repository`, `already-connected`).
    """
    check_remote_url(asked.url)
    project, api = _project(asked.url), asked.api or usual_api(asked.forge, asked.url)
    check_remote_url(
        api, "the API of a forge", form="https://HOST/api/v1 (of Forgejo) or https://HOST/api/v3 (of GitHub)"
    )
    if guard is not None:
        for address in (asked.url, api):
            guard.check_host(urlsplit(address).hostname or "")
    check_branch(asked.branch)
    if asked.path and (any(part in ("", ".", "..") for part in asked.path.split("/")) or not asked.path.isprintable()):
        raise FarmError(
            f"{asked.path[:100]!r} is no directory of a repository",
            remedy="Name the directory that has `packages` in it, as recipes; '' for the top.",
            code="invalid-repository",
        )
    if unit.session.get(GitRepositoryRow, asked.name) is not None:
        raise FarmError(
            f"a repository {asked.name} is connected already",
            remedy="Choose another name, or disconnect it first: farm git disconnect.",
            code="already-connected",
        )
    row = GitRepositoryRow(
        name=asked.name,
        url=asked.url,
        branch=asked.branch,
        path=asked.path,
        forge=asked.forge,
        api=api.rstrip("/"),
        project=project,
        secret=new_secret(),
        token=asked.token,
        previews=asked.previews,
        members=JSON_LIST.write(sorted(set(asked.members))),
        created_by=by,
        created_at=unit.now,
        due_at=unit.now,
    )
    return GitRepository.added(unit.session, row)


def new_secret() -> str:
    """Return a new secret for webhooks (hexadecimal)."""
    return secrets.token_hex(_SECRET_BYTES)


def check_branch(name: str) -> None:
    """Raise `FarmError` (`invalid-repository`) unless a branch may have this name."""
    if not _BRANCH.fullmatch(name) or ".." in name or name.startswith("refs/"):
        raise FarmError(
            f"{name[:100]!r} is no name of a branch",
            remedy="Name it as `git branch -r` does, without its remote and without refs/heads/: main.",
            code="invalid-repository",
        )


def usual_api(forge: Forge, url: str) -> str:
    """Return the address of the API of the forge that has a repository."""
    parts = urlsplit(url)
    if forge is Forge.GITHUB and parts.netloc == _PUBLIC_FORGE:
        return _PUBLIC_API
    return f"{parts.scheme}://{parts.netloc}{_API_PATHS[forge]}"


def repositories(session: Session) -> list[GitRepository]:
    """Return the connected repositories by name."""
    return GitRepository.all(session, select(GitRepositoryRow).where(~_is_ended()).order_by(GitRepositoryRow.name))


def repository(session: Session, name: str) -> GitRepository | None:
    """Return a connected repository."""
    return GitRepository.first(session, select(GitRepositoryRow).where(GitRepositoryRow.name == name, ~_is_ended()))


def status_sender(session: Session, name: str) -> GitRepository | None:
    """Return the repository that sends the statuses of this name: a connected one, or what is kept of another."""
    return GitRepository.first(session, select(GitRepositoryRow).where(GitRepositoryRow.name == name))


def find_repository(session: Session, name: str) -> GitRepository:
    """Return a connected repository. Raises `FarmError` (`not-found`)."""
    found = repository(session, name)
    if found is None:
        raise not_connected(name)
    return found


def not_connected(name: str) -> FarmError:
    """Return the error for a name that no repository has."""
    return FarmError(f"no repository {name[:100]!r} is connected", remedy="See `farm git list`.", code="not-found")


def remove_repository(session: Session, name: str) -> None:
    """Delete a repository, and what is known of its changes. Who wrote the recipes stays recorded."""
    for row in (GitDeliveryRow, GitChangeRow, CommitStatusRow):
        session.exec(delete(row).where(col(row.repository) == name))
    session.exec(delete(GitRepositoryRow).where(col(GitRepositoryRow.name) == name))


def keep_to_end(unit: UnitOfWork, known: GitRepository) -> None:
    """Remove a repository, but for the statuses that its forge is yet to show: these are kept under another name.

    Until its `due_at` at most: it is not read then, but removed (`silent`).
    """
    row = unit.session.get_one(GitRepositoryRow, known.name, populate_existing=True)
    name = f"{known.name}{_ENDED}{secrets.token_hex(8)}"
    kept = {"name": name, "secret": "", "due_at": unit.now + KEPT_TO_END}
    unit.session.add(GitRepositoryRow(**(row.model_dump() | kept)))
    unit.session.flush()
    mine = col(CommitStatusRow.repository) == known.name
    unit.session.exec(update(CommitStatusRow).where(mine).values(repository=name))
    remove_repository(unit.session, known.name)


def ended_before(session: Session, name: str) -> list[str]:
    """Return what is kept of disconnected repositories that were the project of a connected one, at its forge."""
    known = repository(session, name)
    if known is None:
        return []
    is_same = func.lower(col(GitRepositoryRow.project)) == known.project.lower()
    query = select(GitRepositoryRow.name).where(_is_ended(), col(GitRepositoryRow.api) == known.api, is_same)
    return list(session.exec(query))


def silent(session: Session, *, now: datetime) -> list[str]:
    """Return what is kept of disconnected repositories that have nothing more to send, or had their time."""
    sends = exists().where(
        col(CommitStatusRow.repository) == col(GitRepositoryRow.name), col(CommitStatusRow.due_at).is_not(None)
    )
    is_over = or_(~sends, col(GitRepositoryRow.due_at) <= now)
    return list(session.exec(select(GitRepositoryRow.name).where(_is_ended(), is_over)))


def make_due(session: Session, name: str, *, now: datetime, delivered: bool = False) -> None:
    """Let a repository be read at once: somebody asks for it, or a webhook (`delivered`) says that it has changed.

    Then it is read `BETWEEN_WEBHOOKS` after it was last, so that many webhooks are one reason to look.
    """
    values = {"due_at": now}
    if delivered:
        query = select(GitRepositoryRow.synced_at).where(GitRepositoryRow.name == name)
        read = session.exec(query).first()
        values = {"due_at": max(now, read + BETWEEN_WEBHOOKS) if read else now, "delivered_at": now}
    session.exec(update(GitRepositoryRow).where(col(GitRepositoryRow.name) == name).values(**values))


def try_again(session: Session, name: str) -> None:
    """Forget that the recipes of a commit of the branch could not be submitted."""
    session.exec(update(GitRepositoryRow).where(col(GitRepositoryRow.name) == name).values(refused="", retries=False))


def due(session: Session, *, now: datetime, limit: int) -> list[str]:
    """Return the repositories that are due to be read, those that have waited longest first."""
    query = select(GitRepositoryRow.name).where(~_is_ended(), col(GitRepositoryRow.due_at) <= now, may_be_asked(now))
    return list(session.exec(query.order_by(col(GitRepositoryRow.due_at)).limit(limit)))


def reserve(unit: UnitOfWork, name: str) -> GitRepository | None:
    """Return a repository if it is due, and let nobody else read it for a while."""
    until = unit.now + RESERVED
    mine = (col(GitRepositoryRow.name) == name) & (col(GitRepositoryRow.due_at) <= unit.now) & may_be_asked(unit.now)
    mine &= ~_is_ended()
    if not changes_rows(unit.session, update(GitRepositoryRow).where(mine).values(due_at=until)):
        return None
    return repository(unit.session, name)


def set_synced(unit: UnitOfWork, reserved: GitRepository, *, again: timedelta) -> None:
    """Record that a repository was read; it is due `again`, or at once where somebody has asked meanwhile."""
    _end(unit, reserved, unit.now + again, synced_at=unit.now, failures=0, trouble="")


def set_trouble(unit: UnitOfWork, reserved: GitRepository, trouble: str) -> None:
    """Record why a repository could not be read; it is tried again after a pause that grows."""
    failures = reserved.failures + 1
    pause = PAUSES[min(failures, len(PAUSES)) - 1]
    text = truncate_text(trouble, longest=_LONGEST_TROUBLE)
    _end(unit, reserved, unit.now + pause, failures=failures, trouble=text)


def pause(unit: UnitOfWork, name: str, until: datetime) -> None:
    """Ask nothing of a repository's forge for a while, even if a webhook asks for it: so the forge says."""
    same = col(GitRepositoryRow.name) == name
    unit.session.exec(update(GitRepositoryRow).where(same).values(not_before=until))


def may_be_asked(now: datetime) -> ColumnElement[bool]:
    """Return the condition that the forge of a repository has asked for no pause."""
    return or_(col(GitRepositoryRow.not_before).is_(None), col(GitRepositoryRow.not_before) <= now)


def set_waiting(unit: UnitOfWork, reserved: GitRepository, until: datetime, why: str) -> None:
    """Record that a repository is read again later, which is no failure."""
    _end(unit, reserved, until, trouble=truncate_text(why, longest=_LONGEST_TROUBLE))


def set_head(unit: UnitOfWork, known: GitRepository, commit: str) -> None:
    """Record that the recipes of the branch were submitted up to a commit.

    Raises `FarmError` (`repository-changed`) where it was disconnected, or another commit was recorded since.
    """
    same = _same(known) & (col(GitRepositoryRow.head) == known.head)
    values = {"head": commit, "refused": "", "retries": False}
    if not changes_rows(unit.session, update(GitRepositoryRow).where(same).values(**values)):
        raise _changed(known)


def set_refused(unit: UnitOfWork, known: GitRepository, commit: str, *, retries: bool) -> None:
    """Record that the recipes of a commit of the branch cannot be submitted: a later commit has to mend them.

    Or another submission, where it `retries`. Raises as `set_head`.
    """
    values = {"refused": commit, "retries": retries}
    if not changes_rows(unit.session, update(GitRepositoryRow).where(_same(known)).values(**values)):
        raise _changed(known)


def check_connected(unit: UnitOfWork, known: GitRepository) -> None:
    """Check that a repository is connected still, and not another one of this name. Raises as `set_head`."""
    if unit.session.exec(select(GitRepositoryRow.name).where(_same(known))).first() is None:
        raise _changed(known)


def _is_ended() -> ColumnElement[bool]:
    return col(GitRepositoryRow.name).contains(_ENDED, autoescape=True)


def _same(known: GitRepository) -> ColumnElement[bool]:
    return (col(GitRepositoryRow.name) == known.name) & (col(GitRepositoryRow.created_at) == known.created_at)


def _changed(known: GitRepository) -> FarmError:
    return FarmError(
        f"the repository {known.name} was disconnected, or read by another control, while it was read",
        remedy="It is read again by itself, where it is connected.",
        code="repository-changed",
    )


def _end(unit: UnitOfWork, reserved: GitRepository, due_at: datetime, **values: object) -> None:
    same = col(GitRepositoryRow.name) == reserved.name
    unit.session.exec(update(GitRepositoryRow).where(same).values(**values))
    unasked = same & (col(GitRepositoryRow.due_at) == reserved.due_at)
    unit.session.exec(update(GitRepositoryRow).where(unasked).values(due_at=due_at))


def _project(url: str) -> str:
    project = urlsplit(url).path.strip("/").removesuffix(".git")
    if not _PROJECT.fullmatch(project):
        raise FarmError(
            f"{project[:100]!r} is not OWNER/REPOSITORY",
            remedy="Write the address as https://HOST/OWNER/REPOSITORY.git.",
            code="invalid-repository",
        )
    return project
