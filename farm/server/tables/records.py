"""What rows are outside of this room: the records that several rooms share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from farm.core.names.digest import Digest
from farm.core.names.printed_version import FIRST_BUILD, printed_version
from farm.core.plan.job import BlobRef
from farm.core.plan.trouble import Trouble
from farm.server.tables.reading import JSON_LIST, Record
from farm.server.tables.states import AttemptState, JobKind, JobState, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeRevision(Record, columns={"submission": "submission_id"}):
    """One submitted state of a recipe. `files` is the blob (canonical JSON of path to base64) that holds its files."""

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
    """A recipe by name: its current revision, and which revision and plan were built last with success, if any.

    `newest_plan` is `built_plan`, or a later one whose packages were dropped, as they had the same files: what the
    packages of `built_plan` hold of others is what there was when that one was carried out.
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

    A `rebuild` carries out a plan that is built already, to see whether it comes out the same. `trouble` is what the
    last attempt met that is no fault of the job, while nobody has taken it again; it is not given to any worker before
    `not_before`. `troubles` counts such attempts, `lost` those in which it was trouble of one worker.
    """

    id: int
    kind: JobKind
    name: str
    revision_id: int | None
    submission: int | None
    subject: Digest | None
    state: JobState
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
class Attempt(Record):
    """One attempt at a job by one worker. `outcome` is the JSON that the worker reported, empty until then.

    `trouble` is what ended it that the job is not to blame for. `attestation` is the digest of the signed statement of
    what a test or a comparison came to, and `tester` the id of the key that signed it, where there is one.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Package(Record, columns={"descriptor": "digest", "manifest": "tree"}):
    """A finished package and the blobs that it consists of. `digest` is the descriptor's; `name` is the short one.

    `build` is its build number. `same_as` is the earlier package (its descriptor) with the same files: this one was
    dropped for it, and is offered to no channel.
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
    def roles(self) -> tuple[str, ...]:
        """What it is enrolled for, as operators write it."""
        return tuple(role for role, enrolled in (("build", self.builds), ("test", self.tests)) if enrolled)

    def may_do(self, kind: JobKind) -> bool:
        """Return whether its roles allow jobs of a kind. Testers may also compare."""
        return self.builds if kind is JobKind.BUILD else self.tests


@dataclass(frozen=True, slots=True, kw_only=True)
class Token(Record):
    """What the farm keeps of a token; the token itself is known only to its holder."""

    id: int
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent(Record):
    """Something that was done (`allowed`) or refused. `actor` is `token:<name>`, `worker:<name>`, `farm` or empty.

    `channel` is the one that it is about, if any.
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
class ImportedPackage(Record, columns={"digest": "descriptor", "manifest": "tree"}, texts={"needs": JSON_LIST}):
    """A package of another distribution by its full name. `needs` are full names too: what meets its needs at home."""

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
        """Its build number: only its own distribution tells one from the others."""
        return FIRST_BUILD

    @property
    def printed_version(self) -> str:
        """Version and revision as people see them."""
        return printed_version(self.version, self.revision)
