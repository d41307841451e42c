"""The JSON of the farm's API as pydantic models, which check what comes from the network: jobs, packages, people.

Submissions are in `submission_wire`, the orders of curators in `curation_wire`, the leases of workers in `worker_wire`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
JobKindText = Literal["build", "test", "comparison"]
RoleText = Literal["build", "test"]
"""What a worker is enrolled for; one that may test may compare."""
Omitted = Field(exclude_if=lambda value: not value)
"""Of a field that programs of before do not know: nothing is said of it while there is nothing to say."""
BUILD_WAKE = "farm.build.wake"
"""The task that wakes a build worker; its one argument is the number of a job."""
LARGEST_NUMBER = 2**31 - 1
"""What a numbered row's key can be at most: PostgreSQL keeps it in four bytes."""
Number = Annotated[int, Field(ge=1, le=LARGEST_NUMBER)]
"""By which a job, an attempt, a submission, a token, a candidate or a release is known."""
Offset = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""A place in a log, in bytes."""


class Wire(BaseModel):
    """Base: unknown members are refused, values do not change. `model_validate` reads JSON values, and records too."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


class ProblemWire(Wire):
    """One problem of a file: where, what, what to do, and the line with how much of it is meant."""

    file: str
    line: int = 0
    column: int = 0
    message: str
    remedy: str = ""
    excerpt: str = ""
    length: int = 1


class ErrorWire(Wire):
    """Every answer that is no success. `code` is stable; `problems` are there for recipes."""

    code: str
    message: str
    remedy: str = ""
    problems: tuple[ProblemWire, ...] = ()
    detail: dict[str, Any] = Field(default_factory=dict)


class JobWire(Wire):
    """A job. `subject` is the digest of its plan or test, once there is one.

    A `rebuild` carries out a plan that is built already, to see whether it comes out the same. `trouble` is what the
    last attempt met that the job is not to blame for; it is tried again, `not_before` then. `version` is that of a
    build that has a number to be shown, `same_as` that of the earlier build whose files it came to: it was dropped.
    """

    id: int
    kind: JobKindText
    name: str
    state: str
    rebuild: bool = False
    subject: Digest | None
    submission: int | None
    answered_by: int | None
    lost: int
    trouble: Annotated[str, Omitted] = ""
    not_before: Annotated[datetime | None, Omitted] = None
    error_code: str
    error: str
    created_at: datetime
    changed_at: datetime
    finished_at: datetime | None
    trace: str
    version: Annotated[str, Omitted] = ""
    same_as: Annotated[str, Omitted] = ""


class AttemptWire(Wire):
    """One try at a job."""

    id: int
    job_id: int
    number: int
    worker: str
    state: str
    claimed_at: datetime
    heartbeat_at: datetime
    expires_at: datetime
    finished_at: datetime | None
    log_size: int
    log_digest: str
    error_code: str
    error: str
    trouble: Annotated[str, Omitted] = ""


class JobDetail(Wire):
    """A job with the attempts at it, the first first, and the packages that it put out."""

    job: JobWire
    attempts: tuple[AttemptWire, ...]
    packages: tuple[Digest, ...]


class JobPage(Wire):
    """Jobs, newest first; the next page is asked for with `before`, and there is none when that is null."""

    jobs: tuple[JobWire, ...]
    next_before: int | None


class BlobWire(Wire):
    """A blob by digest and size in bytes."""

    digest: Digest
    size: int


class PackageWire(Wire):
    """A finished package. `digest` is the descriptor's, `build` its build number.

    `same_as` is the earlier package (its descriptor) that it has the very files of, and was dropped for.
    """

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    digest: Digest
    name: str
    version: str
    revision: int
    platform: str
    summary: str
    license: str = Field(alias="licence")
    tree: Digest
    descriptor: BlobWire
    archive: BlobWire
    manifest: BlobWire
    facts: BlobWire
    provenance: BlobWire
    plan: Digest
    recipe: Digest
    built_by: str
    built_at: datetime
    attempt_id: int
    build: Annotated[int, Field(ge=1, exclude_if=lambda number: number == 1)] = 1
    same_as: Annotated[Digest | None, Omitted] = None


class PackagePage(Wire):
    """Packages by name; the next page is asked for with `after`."""

    packages: tuple[PackageWire, ...]
    next_after: str | None


class CopyWire(Wire):
    """The packages that `recipe` makes hold code of another package, as it was in `tree`.

    `static`: out of a static library or an object. `headers`: out of a library that has nothing but headers.
    `unknown`: nobody watched the build, so that it may hold any of it.
    """

    recipe: str
    kind: Literal["static", "headers", "unknown"]
    tree: Digest


class CopiesWire(Wire):
    """Who holds code of a package, by recipe."""

    name: str
    copies: tuple[CopyWire, ...]


class LogPageWire(Wire):
    """Records of a log from `offset` on. `ended` says that no more will come."""

    attempt_id: int | None
    offset: int
    next_offset: int
    ended: bool
    records: tuple[dict[str, str], ...]


class WorkerRequest(Wire):
    """An operator enrols a worker."""

    name: str
    public_key: str
    roles: tuple[RoleText, ...]


class WorkerWire(Wire):
    """A worker as the farm knows it."""

    name: str
    public_key: str
    roles: tuple[RoleText, ...]
    enrolled_by: str
    enrolled_at: datetime
    revoked_at: datetime | None
    seen_at: datetime | None


class TokenRequest(Wire):
    """An admin asks for a token for somebody."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 @._-]{0,99}$")]
    role: Literal["maintainer", "curator", "admin"]
    days: Annotated[int, Field(ge=1, le=366)] = 90


class TokenWire(Wire):
    """A token; `token` is told once."""

    id: int
    name: str
    role: str
    expires_at: datetime
    token: str
