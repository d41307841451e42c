"""The JSON of git repositories that recipes come from, as pydantic models."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from farm.api.wire import Omitted, Wire

ForgeText = Literal["github", "forgejo"]
PreviewsText = Literal["members", "all"]
REPOSITORY_NAME = r"^[a-z0-9][a-z0-9-]{0,39}$"
RepositoryName = Annotated[str, StringConstraints(pattern=REPOSITORY_NAME)]
BranchName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
MOST_MEMBERS = 500
Members = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1, max_length=100)], ...], Field(max_length=MOST_MEMBERS)
]
Token = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[!-~]*$")]


class ConnectRequest(Wire):
    """Let recipes come from a repository: those in `path`/packages, as they are on `branch`.

    An empty `api` is the usual address of the forge's. Pull requests of `members` are previewed, or those of `all`.
    """

    name: RepositoryName
    url: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    branch: BranchName = "main"
    path: Annotated[str, StringConstraints(max_length=200)] = "recipes"
    forge: ForgeText
    api: Annotated[str, StringConstraints(max_length=1000)] = ""
    token: Token = Field(default="", repr=False)
    previews: PreviewsText = "members"
    members: Members = ()


class SetRequest(Wire):
    """Change how a repository is connected; what is None stays. An empty `token` is none from now on."""

    token: Token | None = Field(default=None, repr=False)
    new_secret: bool = False
    branch: BranchName | None = None
    previews: PreviewsText | None = None
    members: Members | None = None


class RepositoryWire(Wire):
    """A connected repository. `webhook` is the address for the forge; `secret` signs webhooks, and is shown once.

    `head` is the commit of its branch up to which recipes were submitted; `refused` one whose recipes have errors.
    `trouble` is why it could not be read the last time.
    """

    name: str
    url: str
    branch: str
    path: str
    forge: str
    api: str
    previews: str
    members: tuple[str, ...]
    webhook: str
    with_token: bool
    head: str
    refused: Annotated[str, Omitted] = ""
    synced_at: datetime | None = None
    delivered_at: datetime | None = None
    failures: int = 0
    trouble: str = ""
    secret: Annotated[str, Omitted] = ""


class DisconnectedWire(RepositoryWire):
    """A repository that was disconnected. Its token is kept until `last_statuses` are sent, an hour at most."""

    last_statuses: int


class RepositoryPage(Wire):
    """The connected repositories, by name."""

    repositories: tuple[RepositoryWire, ...]


class ChangeWire(Wire):
    """An open pull request (`pull/12`) or branch (`branch/topic`): its commit, and what has come of it.

    Or what is merged, and waits for owners: `merged/40` is submission 40.
    """

    name: str
    commit: str
    author: str
    state: Literal["seen", "unapproved", "delayed", "refused", "empty", "preview", "merged"]
    submission: int | None = None
    detail: str = ""
    changed_at: datetime


class PreviewRequest(Wire):
    """Preview a pull request at the commit that somebody has looked at."""

    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]


class CommitStatusWire(Wire):
    """What the forge is to show of a commit. It is `delivered`, or waits, or was given up; `trouble` says why."""

    commit: str
    context: str
    state: str
    description: str
    target: str
    delivered: bool
    trouble: str = ""
    changed_at: datetime


class RepositoryDetail(Wire):
    """A repository with its changes, by name, and the newest commit statuses."""

    repository: RepositoryWire
    changes: tuple[ChangeWire, ...]
    statuses: tuple[CommitStatusWire, ...]


class WebhookResultWire(Wire):
    """What came of a webhook."""

    result: Literal["accepted", "repeated", "ignored", "ping"]
