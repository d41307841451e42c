"""The JSON of the farm's API as pydantic models, which check what comes from the network: jobs, packages, people.

Submissions are in `submission_wire`, the orders of curators in `curation_wire`, the leases of workers in `worker_wire`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from farm.core.buildlog.first_error import FirstError

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
JobKindText = Literal["build", "test", "comparison"]
RoleText = Literal["build", "test"]
"""What a worker is enrolled for; one that may test may compare."""
Omitted = Field(exclude_if=lambda value: not value)
"""For a field that earlier programs do not know: it is left out while it is empty."""
BUILD_WAKE = "farm.build.wake"
"""The task that wakes a build worker; its one argument is the number of a job."""
LARGEST_NUMBER = 2**31 - 1
"""The largest key of a numbered row: PostgreSQL stores it in four bytes."""
Number = Annotated[int, Field(ge=1, le=LARGEST_NUMBER)]
"""The number of a job, an attempt, a submission, a token, a candidate or a release."""
MOST_JOBS = 500
"""The number of jobs that one answer lists, and that one request names, at most."""
Offset = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""A place in a log, in bytes."""


class Wire(BaseModel):
    """Base: unknown members are refused, values are immutable. `model_validate` reads JSON values, and records too."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


class ProblemWire(Wire):
    """One problem of a file: its place, the problem, the remedy, and the line with the marked part."""

    file: str
    line: int = 0
    column: int = 0
    message: str
    remedy: str = ""
    excerpt: str = ""
    length: int = 1


class ErrorWire(Wire):
    """Every error answer. `code` is stable; `problems` are those of recipes."""

    code: str
    message: str
    remedy: str = ""
    problems: tuple[ProblemWire, ...] = ()
    detail: dict[str, Any] = Field(default_factory=dict)


class JobRequestWire(Wire):
    """A person has cancelled job `job`, or retried it as job `made` (the same number if it was taken up again)."""

    job: int
    act: Literal["cancel", "retry"]
    by: str
    why: str
    at: datetime
    made: int | None = None


class JobRequestPage(Wire):
    """The requests of people about jobs, and those by which they were made, oldest first."""

    requests: tuple[JobRequestWire, ...]


class JobDecisionRequest(Wire):
    """Cancel or retry a job, with the reason."""

    why: Annotated[str, StringConstraints(max_length=2000)] = ""


class JobWire(Wire):
    """A job. `subject` is the digest of its plan or test, once there is one.

    A `rebuild` carries out a plan that is built already, to see whether it gives the same packages. `trouble` is what
    the last attempt met through no fault of the job; it is retried at `not_before`. `version` is that of a build with a
    number to be shown, `same_as` that of the earlier build with the same files: this one was dropped.
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


class InputValueWire(Wire):
    """The value of an input of a build: a text, a digest, or both."""

    text: str = ""
    digest: Digest | None = None


class InputChangeWire(Wire):
    """An input of a build that differs from an earlier one, as `farm.core.comparison.inputs` names it."""

    kind: str
    name: str
    before: InputValueWire | None
    after: InputValueWire | None


class JobCauseWire(Wire):
    """Why a job exists: `kind` is submission, dependency, retry, reproduction or gate.

    `because` is the build of a dependency that led to it, by the `policy` of rebuilds. `inputs` are those that differ
    from the build `earlier`; None where that is not known.
    """

    kind: str
    because: JobWire | None
    policy: str
    earlier: JobWire | None
    inputs: tuple[InputChangeWire, ...] | None


class AttemptWire(Wire):
    """One attempt at a job."""

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


class FirstErrorWire(Wire):
    """The first error of an attempt; None if it has not failed, or its failed step has printed nothing."""

    first_error: FirstError | None


class JobDetail(Wire):
    """A job with its attempts, oldest first, and the packages that it built."""

    job: JobWire
    attempts: tuple[AttemptWire, ...]
    packages: tuple[Digest, ...]


class JobPage(Wire):
    """Jobs, newest first; the next page is requested with `before`, and there is none if that is null."""

    jobs: tuple[JobWire, ...]
    next_before: int | None


class BlobWire(Wire):
    """A blob by digest and size in bytes."""

    digest: Digest
    size: int


class PackageWire(Wire):
    """A finished package. `digest` is the descriptor's, `build` its build number.

    `same_as` is the earlier package (its descriptor) with the same files, for which it was dropped.
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
    """Packages by name; the next page is requested with `after`."""

    packages: tuple[PackageWire, ...]
    next_after: str | None


class CopyWire(Wire):
    """The packages that `recipe` makes hold code of another package, as it was in `tree`.

    `static`: from a static library or an object. `headers`: from a library that has only headers. `unknown`: the build
    was not traced, so that it may hold any of it.
    """

    recipe: str
    kind: Literal["static", "headers", "unknown"]
    tree: Digest


class CopiesWire(Wire):
    """The packages that hold code of a package, by recipe."""

    name: str
    copies: tuple[CopyWire, ...]


class LogPageWire(Wire):
    """Records of a log from `offset` on. With `ended`, no more will come."""

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
    """A worker's record."""

    name: str
    public_key: str
    roles: tuple[RoleText, ...]
    enrolled_by: str
    enrolled_at: datetime
    revoked_at: datetime | None
    seen_at: datetime | None


class TokenRequest(Wire):
    """An admin requests a token for a person."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 @._-]{0,99}$")]
    role: Literal["maintainer", "curator", "admin"]
    days: Annotated[int, Field(ge=1, le=366)] = 90


class TokenWire(Wire):
    """A token; `token` is shown once."""

    id: int
    name: str
    role: str
    expires_at: datetime
    token: str
