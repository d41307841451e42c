"""Rows of git repositories that recipes come from: their changes, their commit statuses, and who wrote a recipe."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  (SQLModel reads the annotations at run time)
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, Text
from sqlmodel import Field

from farm.server.tables.columns import Enumerated, Row, UtcDateTime
from farm.store.git.commits import SignatureState


class Forge(StrEnum):
    """The program that hosts a repository: the form of its webhooks and of its API."""

    GITHUB = "github"
    FORGEJO = "forgejo"


class PreviewPermission(StrEnum):
    """Whose pull requests are previewed without being asked for."""

    MEMBERS = "members"
    ALL = "all"


class ChangeState(StrEnum):
    """The state of a branch or a pull request, at its newest commit."""

    SEEN = "seen"  # a branch that was there when the repository was connected
    UNAPPROVED = "unapproved"  # of somebody whose pull requests have to be asked for
    DELAYED = "delayed"  # for its quota
    REFUSED = "refused"  # its recipes have errors
    EMPTY = "empty"  # it changes no recipe
    PREVIEW = "preview"
    MERGED = "merged"  # and its preview waits for owners


class GitRepositoryRow(Row, table=True):
    """A repository that recipes come from. `secret` verifies webhooks; `token` is sent to the forge and to git."""

    __table_args__ = (
        CheckConstraint("forge IN ('github', 'forgejo')", "forge"),
        CheckConstraint("previews IN ('members', 'all')", "previews"),
    )

    name: str = Field(primary_key=True)
    url: str = Field(sa_type=Text)
    branch: str
    path: str  # of the tree of recipes in it
    forge: Forge = Field(sa_type=Enumerated(Forge))
    api: str = Field(sa_type=Text)
    project: str  # owner/repository
    secret: str
    token: str
    previews: PreviewPermission = Field(sa_type=Enumerated(PreviewPermission))
    members: str = Field(sa_type=Text)  # JSON: names of accounts of the forge
    created_by: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    head: str = ""  # the commit of the branch up to which recipes were submitted
    refused: str = ""  # a commit of the branch whose recipes could not be submitted
    retries: bool = False  # `refused` is tried at each look: another submission may bring what it lacks
    due_at: datetime = Field(sa_type=UtcDateTime, index=True)  # to be read; to be removed, if it was disconnected
    synced_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    delivered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # the last webhook
    not_before: datetime | None = Field(default=None, sa_type=UtcDateTime)  # the forge has asked for a pause
    failures: int = 0  # since it was last read
    trouble: str = Field(default="", sa_type=Text)


class GitDeliveryRow(Row, table=True):
    """A webhook that was received, by the signature of its body: again, it does nothing."""

    repository: str = Field(primary_key=True)
    signature: str = Field(primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime, index=True)


class GitChangeRow(Row, table=True):
    """An open pull request (`pull/12`) or branch (`branch/topic`) of a repository, at its newest known commit.

    Or what was merged, and waits for owners: `merged/40` is submission 40.
    """

    __table_args__ = (
        CheckConstraint("state IN ('seen', 'unapproved', 'delayed', 'refused', 'empty', 'preview', 'merged')", "state"),
        Index("ix_git_change_state", "state", "repository"),
    )

    repository: str = Field(primary_key=True, foreign_key="git_repository.name")
    name: str = Field(primary_key=True)
    commit: str
    author: str = ""  # the account of the forge that opened it
    state: ChangeState = Field(sa_type=Enumerated(ChangeState))
    submission_id: int | None = Field(default=None, foreign_key="submission.id", index=True)
    detail: str = Field(default="", sa_type=Text)
    approved: str = ""  # the commit that somebody has asked a preview of
    retry_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # what was refused is tried again
    ended: bool = False  # its preview has ended, and the forge was notified
    changed_at: datetime = Field(sa_type=UtcDateTime)


class CommitStatusRow(Row, table=True):
    """What the forge is to show of a commit (`state` …), and the state that it has (`sent`); delivered while `due_at`.

    `unsure`: an attempt may have reached it. `sent` is `pending` also where the forge may have that.
    """

    __table_args__ = (Index("ix_commit_status_changed", "repository", "changed_at"),)

    repository: str = Field(primary_key=True, foreign_key="git_repository.name")
    commit: str = Field(primary_key=True)
    context: str = Field(primary_key=True)
    state: str
    description: str = Field(sa_type=Text)
    target: str = Field(sa_type=Text)
    sent: str = ""
    unsure: bool = False
    attempts: int = 0
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    trouble: str = Field(default="", sa_type=Text)
    changed_at: datetime = Field(sa_type=UtcDateTime, index=True)


class RecipeCommitRow(Row, table=True):
    """The commit that a recipe of a submission was read at: who wrote it, and its signature."""

    submission_id: int = Field(primary_key=True, foreign_key="submission.id")
    name: str = Field(primary_key=True)
    url: str = Field(sa_type=Text)
    commit: str = Field(index=True)
    author: str = Field(sa_type=Text)
    author_email: str = Field(sa_type=Text)
    committer: str = Field(sa_type=Text)
    committer_email: str = Field(sa_type=Text)
    committed_at: datetime = Field(sa_type=UtcDateTime)
    signature: SignatureState = Field(sa_type=Enumerated(SignatureState))
    signer: str
    key: str
