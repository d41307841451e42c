"""The values of rows outside of this subpackage: the records that several others share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from farm.core.buildlog.first_error import FirstError
from farm.core.names.actor_name import token_actor, worker_actor
from farm.core.names.digest import Digest
from farm.core.names.printed_version import FIRST_BUILD, printed_version
from farm.core.plan.job import BlobRef
from farm.core.plan.trouble import Trouble
from farm.server.tables.evidence import FIRST_ERROR
from farm.server.tables.reading import JSON_LIST, Record
from farm.server.tables.states import AttemptState, JobKind, JobState, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeRevision(Record, columns={"submission": "submission_id"}):
    """One submitted state of a recipe. `files` is the blob (canonical JSON of path to base64) with its files."""

    id: int
    digest: Digest
    name: str
    version: str
    revision: int
    summary: str
    license: str
    toolchain: str
    files: Digest
    submission: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeHead(Record, columns={"current": "current_id", "built": "built_id"}):
    """A recipe by name: its current revision, and the revision and plan that were last built with success, if any.

    `newest_plan` is `built_plan`, or a later one whose packages were dropped because they had the same files: the code
    of others in the packages of `built_plan` is then that of the later build.
    """

    name: str
    current: int
    built: int | None
    built_plan: Digest | None
    newest_plan: Digest | None

    @property
    def is_built(self) -> bool:
        """Whether the current revision itself has been built."""
        return self.built == self.current


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Record, columns={"submission": "submission_id"}):
    """A plan to build or a test to run. `subject` is the plan's or the test's digest, once it is known.

    `preview` is the number of the submission whose preview it is for; 0 for the farm's own.

    Whether a job that is `to_settle` is in the state that it belongs in has to be looked at.

    A `rebuild` carries out a plan that is built already, to see whether it gives the same packages. `trouble` is what
    the last attempt met that is no fault of the job, until a worker takes it again; no worker gets it before
    `not_before`. `troubles` counts such attempts, `lost` those with trouble of one worker.
    """

    id: int
    kind: JobKind
    name: str
    revision_id: int | None
    submission: int | None
    subject: Digest | None
    state: JobState
    preview: int
    to_settle: bool
    rebuild: bool
    priority: int
    lost: int
    troubles: int
    trouble: Trouble
    not_before: datetime | None
    created_at: datetime
    changed_at: datetime
    finished_at: datetime | None
    answered_by: int | None
    error_code: str
    error: str
    trace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt(Record, texts={"first_error": FIRST_ERROR}):
    """One attempt at a job by one worker. `outcome` is the JSON that the worker reported, empty until then.

    `trouble` is what ended it through no fault of the job. `attestation` is the digest of the signed statement of a
    test's or comparison's result, and `tester` the id of the key that signed it, if any. `first_error` says why it
    failed, if it did.
    """

    id: int
    job_id: int
    number: int
    worker: str
    state: AttemptState
    claimed_at: datetime
    heartbeat_at: datetime
    expires_at: datetime
    finished_at: datetime | None
    log_size: int
    log_digest: str
    error_code: str
    error: str
    trouble: Trouble
    outcome: str
    attestation: str = ""
    tester: str = ""
    first_error: FirstError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Package(Record, columns={"descriptor": "digest", "manifest": "tree"}):
    """A finished package and its blobs. `digest` is the descriptor's; `name` is the short one.

    `build` is its build number. `same_as` is the earlier package (its descriptor) with the same files, for which this
    one was dropped; it is offered to no channel.
    """

    digest: Digest
    descriptor: BlobRef
    name: str
    version: str
    revision: int
    platform: str
    summary: str
    license: str
    tree: Digest
    archive: BlobRef
    manifest: BlobRef
    facts: BlobRef
    provenance: BlobRef
    plan: Digest
    recipe: Digest
    attempt_id: int
    built_by: str
    built_at: datetime
    sbom: BlobRef | None = None
    build: int = FIRST_BUILD
    same_as: Digest | None = None

    @property
    def printed_version(self) -> str:
        """Version, revision and build number as people see them."""
        return printed_version(self.version, self.revision, self.build)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker(Record):
    """A build worker that an operator has enrolled; `public_key` is ed25519, 64 hexadecimal digits."""

    name: str
    public_key: str
    builds: bool
    tests: bool
    enrolled_by: str
    enrolled_at: datetime
    revoked_at: datetime | None
    seen_at: datetime | None

    @property
    def actor(self) -> str:
        """The worker as the audit trail names it."""
        return worker_actor(self.name)

    @property
    def roles(self) -> tuple[str, ...]:
        """The kinds of work that it is enrolled for, as operators write them."""
        return tuple(role for role, enrolled in (("build", self.builds), ("test", self.tests)) if enrolled)

    def may_do(self, kind: JobKind) -> bool:
        """Return whether its roles allow jobs of a kind. Testers may also compare."""
        return self.builds if kind is JobKind.BUILD else self.tests


@dataclass(frozen=True, slots=True, kw_only=True)
class Token(Record):
    """The farm's record of a token; the token itself is known only to its holder."""

    id: int
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    @property
    def actor(self) -> str:
        """The holder as the audit trail names them."""
        return token_actor(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent(Record):
    """An action that was done (`allowed`) or refused. `actor` is `token:<name>`, `worker:<name>`, `farm` or empty.

    `channel` is the channel it is about, if any.
    """

    at: datetime
    actor: str
    action: str
    subject: str
    allowed: bool
    detail: str = ""
    address: str = ""
    trace: str = ""
    channel: str = ""


@dataclass(frozen=True, slots=True)
class OutboxMessage(Record):
    """A message in the outbox: wake a worker for this job."""

    id: int
    task: str
    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedPackageRecord(Record, columns={"digest": "descriptor", "manifest": "tree"}, texts={"needs": JSON_LIST}):
    """An imported package by its full name. `needs` are full names too: what meets its needs in its distribution."""

    name: str
    digest: Digest
    descriptor: BlobRef
    version: str
    revision: int
    tree: Digest
    manifest: BlobRef
    facts: BlobRef
    archive: BlobRef
    needs: tuple[str, ...]

    @property
    def build(self) -> int:
        """Always the first number: only its own distribution distinguishes the builds of an imported package."""
        return FIRST_BUILD

    @property
    def printed_version(self) -> str:
        """Version and revision as people see them."""
        return printed_version(self.version, self.revision)
