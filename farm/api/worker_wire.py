"""The JSON between a build worker and its farm, as pydantic models: claims, leases, logs and outcomes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import StringConstraints

from farm.api.wire import BlobWire, JobKindText, Number, Omitted, Wire
from farm.core.plan.trouble import Trouble


class ClaimRequest(Wire):
    """A worker asks for work, preferably the job that it was woken for, of the `kinds` that its program knows."""

    job: Number | None = None
    kinds: tuple[JobKindText, ...] = ("build", "test")  # those of workers that do not name any


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
    """The answer to a heartbeat: the lease runs for `seconds` from the time that was sent."""

    seconds: float


class AppendedWire(Wire):
    """The answer to a piece of log: the log's size now."""

    size: int


class FinishRequest(Wire):
    """A worker reports the outcome: a `farm.core.plan.job.BuildOutcome` or `TestOutcome` as JSON."""

    kind: JobKindText
    outcome: dict[str, Any]


class FailRequest(Wire):
    """A worker reports that the build failed, with a text for its maintainer."""

    code: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,60}$")]
    message: Annotated[str, StringConstraints(max_length=20_000)]


class ReleaseRequest(Wire):
    """A worker gives a job back; `error` is trouble through no fault of the job, `trouble` its kind."""

    error: Annotated[str, StringConstraints(max_length=20_000)] = ""
    trouble: Annotated[Trouble, Omitted] = Trouble.NONE
