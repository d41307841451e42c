"""The inputs of plans: toolchains, steps, the distribution; and the rules of leases. Set at the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from farm.core.names.digest import Digest
from farm.core.names.form import Form
from farm.core.plan.job import BlobRef

if TYPE_CHECKING:
    from farm.core.names.platform import Platform
    from farm.core.policy.channel import Rebuild
    from farm.core.recipe.distributions import OtherDistribution
    from farm.core.recipe.steps import StepLibrary


@dataclass(frozen=True, slots=True)
class ToolchainRef(Form, record="toolchain"):
    """A toolchain that plans can name: its tree, the blobs that hold it, and its Debian packages' digests by name.

    `lock` is the blob of the list of these packages; None if there is none.
    """

    name: str
    tree: Digest
    archive: BlobRef
    manifest: BlobRef
    debs: Mapping[str, Digest]
    lock: Digest | None = None


@dataclass(frozen=True, slots=True)
class PlanningInputs:
    """The inputs that plans are pinned with. `distribution` is its DNS name.

    `curators` are the public keys (hexadecimal) of those who sign approvals: by name, by group. `distributions` are
    the others, that packages are imported from, by name.
    """

    distribution: str
    platform: Platform
    toolchains: Mapping[str, ToolchainRef]
    steps: StepLibrary
    curators: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    distributions: Mapping[str, OtherDistribution] = field(default_factory=dict)

    def toolchain_of(self, tree: Digest) -> ToolchainRef | None:
        """Return the toolchain of a tree; None for one that this farm does not have."""
        return next((toolchain for toolchain in self.toolchains.values() if toolchain.tree == tree), None)


@dataclass(frozen=True, slots=True)
class PreviewPolicy:
    """How long a preview lasts, and what one submitter may have: open previews, jobs at work, and minutes of builds.

    The minutes are those that workers have spent in a day on builds for previews that were made in it.
    """

    lasts: timedelta = timedelta(days=7)
    most_open: int = 5
    most_jobs: int = 4
    minutes_a_day: int = 600


@dataclass(frozen=True, slots=True)
class LeasePolicy:
    """How long leases last, and what happens when they are lost.

    A lease lasts `lease` from the last heartbeat. `grace` later the job goes to another worker: time for the janitor of
    the worker's host to remove the container. A job that `most_lost` different workers lost is set aside. A job in
    trouble is retried after `first_pause`, doubled each time, up to `longest_pause`. A worker is notified again of a
    ready job after `ring_again`. The policy in force on `channel` decides what is rebuilt; without one, `rebuild` does.
    """

    lease: timedelta = timedelta(seconds=60)
    grace: timedelta = timedelta(seconds=20)
    most_lost: int = 3
    first_pause: timedelta = timedelta(seconds=5)
    longest_pause: timedelta = timedelta(minutes=15)
    ring_again: timedelta = timedelta(seconds=30)
    channel: str = "edge"
    rebuild: Rebuild = "static-consumers"
