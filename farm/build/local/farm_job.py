"""`farm shell JOB`: carries out the order of a farm's build here, with the farm's inputs, until it fails or ends."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.build.attempt.build import build
from farm.build.attempt.errors import BuildFailedError
from farm.build.attempt.workspace import Workspace
from farm.build.local.reports import BuildProgress
from farm.build.local.shell import step_of_plan, stop_before
from farm.build.toolchain.toolchain import restore_toolchain
from farm.errors import FarmError
from farm.store.errors import MissingBlobError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from farm.build.attempt.workshop import Workshop
    from farm.build.kept.kept_builds import KeptTree
    from farm.build.local.order_builder import OrderBuilder
    from farm.build.toolchain.toolchain import Toolchain
    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef, BuildOrder


@dataclass(frozen=True, slots=True)
class FarmBuild:
    """A build job of a farm. `fetch` gets a blob that it names into the store; it raises `FarmError`."""

    job: int
    order: BuildOrder
    toolchain: str
    toolchain_tree: Digest
    toolchain_archive: BlobRef
    fetch: Callable[[Digest], None]


def reach_end(builder: OrderBuilder, farm_build: FarmBuild, *, before: str = "") -> KeptTree:
    """Build as the farm did, unless that was done before; return the build as it is kept where it failed or ended.

    With `before`, it stops before that step. No outcome is recorded. Raises the error `no-such-step`.
    """
    job, order = farm_build.job, farm_build.order
    here = replace(builder, workshop=_workshop(builder, farm_build), farm_job=job)
    if before:
        return stop_before(here, order, step_of_plan(here, order.plan, before))
    for tree in here.kept.all():
        if tree.build.farm_job == job and tree.build.order.plan == order.plan and tree.build.stop != "before":
            return tree
    with here.attempt() as attempt:
        workspace = Workspace.of_attempt(attempt, order.limits)
        try:
            with here.logged(BuildProgress(order.plan.name.short, "building")) as log:
                outcome = build(order, here.workshop, attempt=attempt, log=log, workspace=workspace)
        except BuildFailedError as error:
            if error.step_number is None:
                raise
            return here.keep(
                order, workspace, stop="failed", step=error.step_number, message=error.message, log=error.log
            )
        here.reports.say(
            f"the build of job {job} does not fail here: this is what it is after all steps. If it failed on the farm, "
            f"it is not the same on every machine, or its worker was at fault: see `farm log {job}`."
        )
        return here.keep(order, workspace, stop="ended", step=len(order.plan.steps), log=outcome.log)


def _workshop(builder: OrderBuilder, farm_build: FarmBuild) -> Workshop:
    """Return a workshop that takes from the farm what this machine does not have."""
    store, own = builder.state.store, builder.workshop

    def obtain(digest: Digest) -> None:
        if not store.has(digest):
            farm_build.fetch(digest)

    def from_farm(digest: Digest) -> BinaryIO | None:
        with suppress(FarmError):  # then its origins are asked
            obtain(digest)
        return store.open(digest) if store.has(digest) else None

    def toolchain(tree: Digest) -> Toolchain:
        if tree != farm_build.toolchain_tree:
            raise MissingBlobError(tree)
        obtain(tree)
        restored = (farm_build.toolchain, tree, farm_build.toolchain_archive, store, builder.state.toolchains)
        try:
            return restore_toolchain(*restored)
        except MissingBlobError:
            obtain(farm_build.toolchain_archive.digest)
            return restore_toolchain(*restored)

    fetcher = replace(own.fetcher, farm_store=from_farm)
    return replace(own, obtain=obtain, toolchains=toolchain, fetcher=fetcher)
