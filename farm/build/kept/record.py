"""What is recorded of a kept build."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from farm.core.names.digest import Digest
from farm.core.names.form import Form, Minimum
from farm.core.plan.job import BlobRef, BuildOrder

Stop = Literal["failed", "before", "ended"]


@dataclass(frozen=True, slots=True)
class KeptBuild(Form, record="kept build", constants={"format": 1}):
    """A build that was kept where it stopped.

    `stop`: the step with the number `step` has `failed`, and `message` says why (all steps have run, and what they
    installed is at fault, where that is the number of steps); the build was stopped `before` that step; or it has
    `ended` well, as it was resumed, or as the job that it reproduces does not fail here. `jobs` is how many processes
    it may run at once. `opened`: somebody has been in it; `edited`: they left other sources than they found. `size` is
    what its directory took on the disk, `kept` when it was made (RFC 3339), `log` its whole log.
    `farm_job` is the number of the farm's job that it reproduces, or 0.
    """

    order: BuildOrder
    toolchain: str
    toolchain_archive: BlobRef
    stop: Stop
    step: int
    message: str
    jobs: Annotated[int, Minimum(1)]
    kept: str
    log: Digest | None = None
    opened: bool = False
    edited: bool = False
    size: int = 0
    farm_job: int = 0

    @property
    def recipe(self) -> str:
        """The name of its recipe."""
        return self.order.plan.name.short

    @property
    def entry(self) -> int:
        """The number of the step whose variables a shell in it has."""
        return min(self.step, len(self.order.plan.steps) - 1)

    @property
    def step_name(self) -> str:
        """The name of the step of `entry`, for people."""
        return self.order.plan.steps[self.entry].title
