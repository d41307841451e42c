"""The JSON of the farm's API, as pydantic models: what comes from the network is checked here, once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from farm.core.plan.trouble import Trouble

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
FileName = Annotated[str, StringConstraints(max_length=128)]
RecipeName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9+.-]{0,62}$")]
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


class SubmissionRequest(Wire):
    """Recipes by name, each the files of its directory by name, base64.

    `envelope` is a DSSE envelope (JSON) in which the submitter signs them.
    """

    recipes: dict[RecipeName, dict[FileName, str]] = Field(min_length=1, max_length=1000)
    envelope: Annotated[dict[str, Any] | None, Omitted] = None


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


class AcceptedWire(Wire):
    """What became of one submitted recipe."""

    name: str
    recipe: Digest
    job: JobWire
    unchanged: bool


class UnsignedWire(Wire):
    """A recipe that none of its owners, by name, has signed."""

    recipe: str
    owners: tuple[str, ...]


class SubmissionWire(Wire):
    """A submission that was taken; while it `waits_for` owners, one that was kept, and nothing else has come of it.

    `signed_by` is whose signature was kept with it.
    """

    id: int
    trace: str
    accepted: tuple[AcceptedWire, ...]
    waits_for: Annotated[tuple[UnsignedWire, ...], Omitted] = ()
    signed_by: Annotated[str, Omitted] = ""


SubmissionStateText = Literal["taken", "waiting", "withdrawn"]
"""What submissions can be asked for by."""


class SubmissionProgress(Wire):
    """How far a submission is: its jobs, the oldest first; its `state`, where it was not taken.

    `signed` is the signed order by which it was withdrawn, and whether the signer has it.
    """

    id: int
    jobs: tuple[JobWire, ...]
    state: Annotated[str, Omitted] = ""
    signed: Annotated[dict[str, Any], Omitted] = {}


class SubmittedRecipeWire(Wire):
    """A recipe of a submission, by its digest, and the names of those who have signed it there."""

    name: str
    recipe: Digest
    signed_by: tuple[str, ...]


class SubmissionRecordWire(Wire):
    """A submission as it came; `waits_for` are the recipes that an owner has still to sign."""

    id: int
    state: str
    submitted_by: str
    submitted_at: datetime
    recipes: tuple[SubmittedRecipeWire, ...]
    waits_for: tuple[UnsignedWire, ...]


class SubmissionPage(Wire):
    """Submissions, newest first; the next page is asked for with `before`, and there is none when that is null."""

    submissions: tuple[SubmissionRecordWire, ...]
    next_before: int | None


class SubmittedFilesWire(Wire):
    """A recipe of a submission: its files by name, base64, and those of the recipe that is current now.

    What is current is the farm's word: whoever signs compares with what is the person's own.
    """

    files: dict[str, str]
    current: dict[str, str]


class SubmissionContents(Wire):
    """A submission with all its files, and the envelopes in which it was signed, for whoever has to decide about it."""

    distribution: str
    submission: SubmissionRecordWire
    recipes: dict[RecipeName, SubmittedFilesWire]
    signatures: Annotated[tuple[dict[str, Any], ...], Omitted] = ()


class AcceptRequest(Wire):
    """An owner signs recipes of a submission that waits, in a DSSE envelope (JSON)."""

    envelope: dict[str, Any]


class SubmissionWithdrawalRequest(Wire):
    """A submission that waits is to come to nothing; an owner signs that, who sent it needs only the token.

    By the signed `order` what was signed of it counts with the signer no more.
    """

    envelope: Annotated[dict[str, Any] | None, Omitted] = None
    order: Annotated[dict[str, Any] | None, Omitted] = None
    why: Annotated[str, StringConstraints(max_length=2000)] = ""


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


class ClaimRequest(Wire):
    """A worker asks for work, preferably the job that it was woken for, of the `kinds` that its program knows."""

    job: Number | None = None
    kinds: tuple[JobKindText, ...] = ("build", "test")  # those of workers that do not say


class ToolchainWire(Wire):
    """Where the root of a build comes from; the manifest's digest is the tree digest."""

    name: str
    archive: BlobWire
    manifest: BlobWire


class LeaseWire(Wire):
    """A granted lease. It runs for `seconds` from the moment that the claim was *sent*, so that clocks do not matter.

    `order` is a `farm.core.plan.job.BuildOrder` or `TestOrder` as JSON.
    """

    attempt: int
    job: int
    kind: JobKindText
    token: str
    seconds: float
    order: dict[str, Any]
    toolchain: ToolchainWire | None


class ExtendedWire(Wire):
    """The answer to a heartbeat: the lease runs for `seconds` from when that was sent."""

    seconds: float


class AppendedWire(Wire):
    """The answer to a piece of log: the log's size now."""

    size: int


class FinishRequest(Wire):
    """A worker reports the outcome: a `farm.core.plan.job.BuildOutcome` or `TestOutcome` as JSON."""

    kind: JobKindText
    outcome: dict[str, Any]


class FailRequest(Wire):
    """A worker reports that the build failed, in words meant for its maintainer."""

    code: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,60}$")]
    message: Annotated[str, StringConstraints(max_length=20_000)]


class ReleaseRequest(Wire):
    """A worker gives a job back; `error` says what it met that the job is not to blame for, `trouble` of what kind."""

    error: Annotated[str, StringConstraints(max_length=20_000)] = ""
    trouble: Annotated[Trouble, Omitted] = Trouble.NONE
