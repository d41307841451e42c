"""The JSON of submissions, as pydantic models."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from farm.api.wire import Digest, JobWire, Number, Omitted, Wire
from farm.core.recipe.declared_sources import PLAIN_FILE_NAME

MOST_RECIPES = 10_000
"""The most recipes of one submission."""
MOST_JOBS = 2000
"""The most jobs of a submission in one answer."""
STREAM = "application/x-ndjson"
"""The media type of a submission's steps: `SubmissionStep`, a line each, and at last `SubmissionEnd`."""
LONGEST_ORIGIN = 200
"""The most characters of where the recipes of a preview were read."""
OUTCOMES = {
    "accepted": "its jobs are under way",
    "done": "all its jobs have succeeded",
    "failed": "a job has failed",
    "superseded": "later submissions have replaced it",
}
"""What has come of an accepted submission, and how people read it."""
FileName = Annotated[str, StringConstraints(max_length=128)]
RECIPE_NAME = r"[a-z0-9][a-z0-9+.-]{0,62}"
RecipeName = Annotated[str, StringConstraints(pattern=f"^{RECIPE_NAME}$")]


class PreviewRequest(Wire):
    """Ask for a preview: the recipes are built and tested apart, and change nothing until they are accepted.

    `origin` is where they were read (a commit, a patch), for people. `replaces` is an open preview to be withdrawn.
    """

    origin: Annotated[str, StringConstraints(max_length=LONGEST_ORIGIN)] = ""
    replaces: Number | None = None


class SubmissionRequest(Wire):
    """Recipes by name, each the files of its directory by name, base64; at most `MOST_RECIPES`.

    `envelope` is a DSSE envelope (JSON) in which the submitter signs them; a `preview` needs none.
    """

    recipes: dict[RecipeName, dict[FileName, str]] = Field(min_length=1)
    envelope: Annotated[dict[str, Any] | None, Omitted] = None
    preview: Annotated[PreviewRequest | None, Omitted] = None


class GateFindingWire(Wire):
    """One result of a gate about a preview: of one `package`, or of the whole set if that is empty."""

    gate: str
    package: str
    passed: bool
    message: str
    job: int | None = None


class PreviewChangeWire(Wire):
    """A package that a preview changes: its printed versions, empty for none, and its descriptor's digest."""

    package: str
    before: str
    after: str
    digest: Digest | None = None


class VerdictWire(Wire):
    """What would happen if a preview were released now onto release `base` of its channel (0: it has none).

    `stale` are the recipes that have changed in the farm since; `unknown` the gates that only a release can decide.
    """

    state: Literal["building", "testing", "passes", "fails"]
    base: int
    summary: str
    findings: tuple[GateFindingWire, ...] = ()
    changes: tuple[PreviewChangeWire, ...] = ()
    tests: int = 0
    stale: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


class PreviewWire(Wire):
    """The preview of a submission: the channel that it aims at, its end, and its verdict once there is one.

    `release` is the digest of its signed release, by which it can be run. `outcome` is what has come of it since it was
    accepted, one of `OUTCOMES`, and `why` the reason in a line.
    """

    channel: str
    origin: str = ""
    expires_at: datetime
    verdict: VerdictWire | None = None
    release: Annotated[Digest | None, Omitted] = None
    outcome: Annotated[str, Omitted] = ""
    why: Annotated[str, Omitted] = ""


class AcceptedWire(Wire):
    """The result for one submitted recipe."""

    name: str
    recipe: Digest
    job: JobWire
    unchanged: bool


class UnsignedWire(Wire):
    """A recipe that none of its owners, by name, has signed."""

    recipe: str
    owners: tuple[str, ...]


class FindingWire(Wire):
    """A warning about how a recipe is written: its place, the rule by code and name, and what to do.

    `line` and `column` count from 1; 0 means the file as a whole. `check` is another program's name of it, or empty.
    """

    file: str
    line: int
    column: int
    code: str
    name: str
    check: str
    severity: Literal["error", "warning"]
    message: str
    remedy: str


class SubmissionWire(Wire):
    """An accepted submission; while it `waits_for` owners, one that is only stored.

    `signed_by` is the person whose signature was stored with it. `warnings` are those of `farm lint`.
    """

    id: int
    trace: str
    accepted: tuple[AcceptedWire, ...]
    waits_for: Annotated[tuple[UnsignedWire, ...], Omitted] = ()
    signed_by: Annotated[str, Omitted] = ""
    warnings: Annotated[tuple[FindingWire, ...], Omitted] = ()
    preview: Annotated[PreviewWire | None, Omitted] = None


class SubmissionStep(Wire):
    """How far a submission is that is being taken: `done` of `total` recipes, or jobs, where that is known (not 0)."""

    stage: Literal["reading", "checking", "storing", "adding", "planning"]
    done: int
    total: int


class SubmissionEnd(Wire):
    """The answer at the end of a stream: its HTTP status, and a `SubmissionWire` or `ErrorWire`."""

    status: int
    answer: dict[str, Any]


SubmissionStateText = Literal["taken", "waiting", "preview", "withdrawn", "expired"]
"""The states by which submissions can be listed."""


class SubmissionProgress(Wire):
    """The progress of a submission: its newest jobs, oldest first; its `state`, if it was not accepted.

    Older jobs are requested with `before`; there are none if `next_before` is null.
    `signed` is the signed order that withdrew it, and whether the signer has it.
    """

    id: int
    jobs: tuple[JobWire, ...]
    next_before: Annotated[int | None, Omitted] = None
    state: Annotated[str, Omitted] = ""
    preview: Annotated[PreviewWire | None, Omitted] = None
    signed: Annotated[dict[str, Any], Omitted] = Field(default_factory=dict)


class RecipeCommitWire(Wire):
    """The commit that last changed a recipe from git, with what it says of its author and committer.

    `signer` is the person whose known key has signed it, and `key` the fingerprint of the key.
    """

    url: str
    commit: str
    author: str
    author_email: str
    committer: str
    committer_email: str
    committed_at: datetime
    signature: str
    signer: str = ""
    key: str = ""


class SubmittedRecipeWire(Wire):
    """A recipe of a submission, by its digest, and the names of its signers there; `commit` if it came from git."""

    name: str
    recipe: Digest
    signed_by: tuple[str, ...]
    commit: Annotated[RecipeCommitWire | None, Omitted] = None


class SubmissionRecordWire(Wire):
    """A submission as it arrived; `waits_for` are the recipes that still need an owner's signature.

    `outcome` is what has come of an accepted one, one of `OUTCOMES`, and `why` the reason in a line, where that was
    asked for.
    """

    id: int
    state: str
    submitted_by: str
    submitted_at: datetime
    recipes: tuple[SubmittedRecipeWire, ...]
    waits_for: tuple[UnsignedWire, ...]
    preview: Annotated[PreviewWire | None, Omitted] = None
    outcome: Annotated[str, Omitted] = ""
    why: Annotated[str, Omitted] = ""


class SubmissionPage(Wire):
    """Submissions, newest first; the next page is requested with `before`, and there is none if that is null."""

    submissions: tuple[SubmissionRecordWire, ...]
    next_before: int | None


class SubmittedFilesWire(Wire):
    """A recipe of a submission: its files by name, base64, and those of the current recipe.

    The current recipe is what the farm claims: signers compare the files with their own.
    """

    files: dict[str, str]
    current: dict[str, str]


class SubmissionContents(Wire):
    """A submission with all its files, and its signed envelopes, for the people who decide about it."""

    distribution: str
    submission: SubmissionRecordWire
    recipes: dict[RecipeName, SubmittedFilesWire]
    signatures: Annotated[tuple[dict[str, Any], ...], Omitted] = ()


class RecipeFilesWire(Wire):
    """The files of the current revision of a recipe, base64, by name: clients write them into a directory."""

    name: str
    recipe: Digest
    files: dict[Annotated[str, StringConstraints(pattern=f"^{PLAIN_FILE_NAME}$")], str]


class AcceptRequest(Wire):
    """An owner signs recipes of a submission in a DSSE envelope (JSON). Empty for a preview without owners.

    `why` is the reason where the verdict on a preview is against it, for the audit trail.
    """

    envelope: dict[str, Any]
    why: Annotated[str, StringConstraints(max_length=2000), Omitted] = ""


class SubmissionWithdrawalRequest(Wire):
    """Withdraw a waiting submission; an owner signs the withdrawal, its submitter needs only the token.

    By the signed `order`, the signer ignores the signatures on it.
    """

    envelope: Annotated[dict[str, Any] | None, Omitted] = None
    order: Annotated[dict[str, Any] | None, Omitted] = None
    why: Annotated[str, StringConstraints(max_length=2000)] = ""
