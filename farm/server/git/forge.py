"""The API of a forge: open pull requests, and commit statuses. GitHub and Forgejo have the same forms for both."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from farm.api.wire import LARGEST_NUMBER
from farm.errors import FarmError
from farm.server.tables.git_rows import Forge, PreviewPermission
from farm.store.http.exchange import exchange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.server.git.repositories import GitRepository
    from farm.store.http.exchange import ExchangePolicy

StatusState = Literal["pending", "success", "failure", "error"]
LONGEST_DESCRIPTION = 140
"""The most characters that GitHub takes."""
_MOST_BYTES = 16 << 20
_MOST_PAGES = 40
_ANSWERED, _CREATED, _MISSING = 200, 201, 404
_TOO_MANY = 429
_BUSY = (403, _TOO_MANY, 503)
_USUAL_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=2)
_INSIDE = ("OWNER", "MEMBER", "COLLABORATOR")
_Model = TypeVar("_Model")


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


_Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]


class _User(_Answer):
    login: Annotated[str, StringConstraints(max_length=100)]


class _Repository(_Answer):
    full_name: str
    owner: _User


class _Head(_Answer):
    sha: _Commit
    repo: _Repository | None = None  # none where it was deleted


class _Base(_Answer):
    ref: str


class _PullRequest(_Answer):
    state: str = "open"
    number: Annotated[int, Field(ge=1, le=LARGEST_NUMBER)]
    head: _Head
    base: _Base
    user: _User | None = None
    author_association: str = ""
    merged: bool | None = None
    merge_commit_sha: _Commit | None = None


class _Status(_Answer):
    # Forgejo calls the state of a status `status` when it is read.
    state: str = ""
    status: str = ""
    context: str
    target_url: str | None = None


class ForgeError(FarmError):
    """The forge has answered with something else than what was asked for."""

    code = "forge"

    def __init__(self, message: str, *, remedy: str = "", status: int | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status
        """The HTTP status of the answer, if that is what is wrong."""


class ForgeBusyError(ForgeError):
    """The forge answers nothing for a while: so many requests were made that it asks for a `pause`."""

    def __init__(self, pause: timedelta, status: int) -> None:
        super().__init__(f"the forge asks for a pause of {round(pause.total_seconds())} s", status=status)
        self.pause = pause


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request onto `branch`; `is_member`: it may be previewed without being asked for.

    `merged` is the commit by which it was merged, if it was.
    """

    number: int
    commit: str
    branch: str
    author: str
    is_member: bool
    merged: str = ""
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """What a forge shows of a commit: a state, a line, and an address with more."""

    commit: str
    context: str
    state: StatusState
    description: str
    target: str


@dataclass(frozen=True, slots=True)
class ForgeApi:
    """The API of the forge that has a repository. Every method raises `NoAnswerError`, `ForgeError`."""

    repository: GitRepository
    policy: ExchangePolicy

    def open_pull_requests(self) -> list[PullRequest]:
        """Return the open pull requests onto the repository's branch."""
        found: list[PullRequest] = []
        for page in range(1, _MOST_PAGES + 1):
            # GitHub reads `per_page`, Forgejo `limit`.
            listed = self._get(f"pulls?state=open&per_page=100&limit=50&page={page}", list[_PullRequest])
            if not listed:
                return [pull for pull in found if pull.branch == self.repository.branch]
            found += map(self._pull_request, listed)
        raise ForgeError(f"{self.repository.project} has more than {_MOST_PAGES} pages of open pull requests")

    def pull_request(self, number: int) -> PullRequest | None:
        """Return a pull request, open or not; None if it was deleted."""
        try:
            return self._pull_request(self._get(f"pulls/{number}", _PullRequest))
        except ForgeError as error:
            if error.status == _MISSING:
                return None
            raise

    def set_status(self, status: CommitStatus) -> None:
        """Let the forge show the status of a commit."""
        body = {
            "state": status.state,
            "target_url": status.target,
            "description": status.description,
            "context": status.context,
        }
        self._ask("POST", f"statuses/{status.commit}", _CREATED, json.dumps(body).encode())

    def has_status(self, status: CommitStatus) -> bool:
        """Return whether the forge shows this state of a commit already."""
        found = self._get(f"commits/{status.commit}/statuses?per_page=100&limit=50", list[_Status])
        newest = next((known for known in found if known.context == status.context), None)
        return newest is not None and (newest.state or newest.status, newest.target_url) == (
            status.state,
            status.target,
        )

    def _pull_request(self, found: _PullRequest) -> PullRequest:
        author = found.user.login if found.user else ""
        is_member = self.repository.previews is PreviewPermission.ALL or self._is_of_member(found)
        merged = found.merge_commit_sha or "" if found.merged else ""
        return PullRequest(
            found.number, found.head.sha, found.base.ref, author, is_member, merged, is_open=found.state == "open"
        )

    def _is_of_member(self, found: _PullRequest) -> bool:
        """Return whether a member has opened a pull request, and nobody else can push to what it would merge."""
        author, head, repository = found.user, found.head.repo, self.repository
        if author is None or head is None or not author.login:  # an account that was deleted may have no name
            return False
        # The author is who opened it. Into a fork, its owner pushes, and whom they let; into the repository, members.
        own = head.owner.login.lower() == author.login.lower()
        if not own and head.full_name.lower() != repository.project.lower():
            return False
        return author.login.lower() in {member.lower() for member in repository.members} or (
            repository.forge is Forge.GITHUB and found.author_association in _INSIDE
        )

    def _get(self, path: str, kind: type[_Model]) -> _Model:
        body = self._ask("GET", path, _ANSWERED)
        try:
            return TypeAdapter(kind).validate_json(body)
        except ValidationError as error:
            first: dict[str, Any] = dict(error.errors(include_url=False, include_input=False)[0])
            place = ".".join(map(str, first["loc"]))
            raise ForgeError(f"the forge's answer to {path.partition('?')[0]} has another form: {place}") from error

    def _ask(self, method: str, path: str, expected: int, body: bytes = b"") -> bytes:
        url = f"{self.repository.api}/repos/{self.repository.project}/{path}"
        headers = self._headers() | ({"Content-Type": "application/json"} if body else {})
        answer = exchange(method, url, headers, self.policy, body=body, most_bytes=_MOST_BYTES)
        if answer.status in _BUSY and (pause := _pause(answer.status, answer.headers)) is not None:
            raise ForgeBusyError(pause, answer.status)
        if answer.status != expected:
            raise ForgeError(
                f"the forge answered {method} {path.partition('?')[0]} with HTTP status {answer.status}",
                remedy="See that the token may read pull requests and write commit statuses.",
                status=answer.status,
            )
        return answer.body

    def _headers(self) -> dict[str, str]:
        token = self.repository.token
        if self.repository.forge is Forge.GITHUB:
            kind = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
            return kind | ({"Authorization": f"Bearer {token}"} if token else {})
        return {"Accept": "application/json"} | ({"Authorization": f"token {token}"} if token else {})


def _pause(status: int, headers: Mapping[str, str]) -> timedelta | None:
    """Return how long a forge wants not to be asked (RFC 9110 section 10.2.3, or GitHub's); None: no limit."""
    after, reset = headers.get("retry-after", ""), headers.get("x-ratelimit-reset", "")
    found = None
    with suppress(ValueError, OverflowError):
        if after:
            found = (
                timedelta(seconds=int(after)) if after.isdigit() else parsedate_to_datetime(after) - datetime.now(UTC)
            )
        elif reset and headers.get("x-ratelimit-remaining") == "0":
            found = datetime.fromtimestamp(int(reset), UTC) - datetime.now(UTC)
    if found is None and status == _TOO_MANY:
        found = _USUAL_PAUSE
    return None if found is None else min(max(found, timedelta(seconds=1)), _LONGEST_PAUSE)
