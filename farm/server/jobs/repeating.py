"""What someone needs to carry out the order of a build job on a machine of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.server.jobs.planning import build_order, plan_of
from farm.server.tables.states import JobKind

if TYPE_CHECKING:
    from farm.core.names.digest import Digest
    from farm.core.plan.job import BuildOrder
    from farm.server.tables.records import Job
    from farm.server.transaction.planning_inputs import ToolchainRef
    from farm.server.transaction.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class RepeatableOrder:
    """The order of a build job, and the toolchain that it needs."""

    order: BuildOrder
    toolchain: ToolchainRef

    @property
    def blobs(self) -> frozenset[Digest]:
        """The blobs that they name."""
        archives, toolchain = self.order.archives, self.toolchain
        return frozenset(
            (
                *(source.digest for source in self.order.plan.sources),
                *(archive.archive.digest for archive in archives),
                *(archive.manifest.digest for archive in archives),
                *(archive.descriptor for archive in archives),
                toolchain.archive.digest,
                toolchain.manifest.digest,
            )
        )


def order_to_repeat(unit: UnitOfWork, job: Job) -> RepeatableOrder:
    """Return the order of a build job. Raises the error `no-order`."""
    if job.kind is not JobKind.BUILD:
        raise _no_order(f"job {job.id} is a {job.kind}, not a build")
    if job.subject is None:
        raise _no_order(f"job {job.id} has no plan yet, as something that it needs has not been built")
    toolchain = unit.inputs.toolchain_of(plan_of(unit, job.subject).toolchain)
    if toolchain is None:
        raise _no_order(f"the farm no longer has the toolchain of job {job.id}")
    try:
        return RepeatableOrder(build_order(unit, job), toolchain)
    except LookupError as error:
        raise _no_order(f"the farm no longer has all that job {job.id} was built from: {error}") from error


def _no_order(message: str) -> FarmError:
    return FarmError(message, remedy="Name a build that has failed: `farm jobs` lists them.", code="no-order")
