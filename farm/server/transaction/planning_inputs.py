"""What the deciding part is told at its start: the toolchains, steps and distribution it plans with, and its terms."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.names.platform import Platform
    from farm.core.policy.channel import Rebuild
    from farm.core.recipe.distributions import OtherDistribution
    from farm.core.recipe.steps import StepLibrary


@dataclass(frozen=True, slots=True)
class ToolchainRef:
    """A toolchain that plans can name: its tree, the blobs that hold it, and its Debian packages' digests by name.

    `lock` is the blob of the list of these packages; None where there is none.
    """

    name: str
    tree: Digest
    archive: BlobRef
    manifest: BlobRef
    debs: Mapping[str, Digest]
    lock: Digest | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the reference as JSON values."""
        return {
            "archive": self.archive.to_dict(),
            "debs": dict(self.debs),
            "lock": self.lock,
            "manifest": self.manifest.to_dict(),
            "name": self.name,
            "tree": self.tree,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> ToolchainRef:
        """Read what `to_dict` gave; raises `KeyError` and the errors of its parts."""
        return cls(
            name=value["name"],
            tree=Digest(value["tree"]),
            archive=BlobRef.from_dict(value["archive"]),
            manifest=BlobRef.from_dict(value["manifest"]),
            debs={name: Digest(digest) for name, digest in value["debs"].items()},
            lock=Digest(value["lock"]) if value.get("lock") else None,
        )


@dataclass(frozen=True, slots=True)
class PlanningInputs:
    """What plans are pinned with. `distribution` is its DNS name.

    `curators` are the public keys (hexadecimal) of those who sign approvals: by name, by group. `foreign` are the other
    distributions that packages are taken of, by name.
    """

    distribution: str
    platform: Platform
    toolchains: Mapping[str, ToolchainRef]
    steps: StepLibrary
    curators: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    foreign: Mapping[str, OtherDistribution] = field(default_factory=dict)

    def toolchain_of(self, tree: Digest) -> ToolchainRef | None:
        """Return the toolchain of a tree; None for one that this farm has not."""
        return next((toolchain for toolchain in self.toolchains.values() if toolchain.tree == tree), None)


@dataclass(frozen=True, slots=True)
class LeasePolicy:
    """The farm's terms.

    A lease lasts `lease` from the last heartbeat. The job is given to another `grace` after that: time enough for the
    janitor of the worker's host to remove the container. A job that `most_lost` different workers were lost at is
    set aside. Before a job that met trouble is tried again lies `first_pause`, twice as long each time, up to
    `longest_pause`. The policy that is in force on `channel` says what is rebuilt; without one, `rebuild` does.
    """

    lease: timedelta = timedelta(seconds=60)
    grace: timedelta = timedelta(seconds=20)
    most_lost: int = 3
    first_pause: timedelta = timedelta(seconds=5)
    longest_pause: timedelta = timedelta(minutes=15)
    ring_again: timedelta = timedelta(seconds=30)
    channel: str = "edge"
    rebuild: Rebuild = "static-consumers"
