"""A build, from a plan to signed packages: the one sequence of steps that a farm's worker and `farm build` both run."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from farm.build.attempt.errors import BuildFailedError
from farm.build.attempt.inputs import build_root, fetch_sources
from farm.build.attempt.log_keeper import LogKeeper
from farm.build.attempt.steps_run import StepsRun
from farm.build.attempt.workshop import time_now
from farm.build.attempt.workspace import Workspace
from farm.core.plan.job import BuildOutcome
from farm.trust.attestation.provenance import BuildRun, build_statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from farm.build.attempt.log_keeper import LogSink
    from farm.build.attempt.workshop import Workshop
    from farm.container.attempt_directory import AttemptDirectory
    from farm.core.plan.job import BuildOrder


def build(
    order: BuildOrder,
    workshop: Workshop,
    *,
    attempt: AttemptDirectory,
    log: LogSink,
    cancelled: Callable[[], bool] = lambda: False,
    workspace: Workspace | None = None,
) -> BuildOutcome:
    """Build the packages of a plan and sign their provenance.

    `attempt` belongs to the caller, which extends its lease meanwhile and closes it afterwards. The steps write to
    `workspace`, which the caller can keep; by default it is gone with the container and the attempt. Raises
    `BuildFailedError` (whose `log` is the blob of the whole log) for faults of the build itself, `BuildCancelledError`,
    and the errors of sources, stores and sandbox for faults of the worker.
    """
    started = time_now()
    with LogKeeper(workshop.store, log, order.limits) as keeper, failure_in_log(keeper):
        sources = fetch_sources(order, workshop, keeper, attempt.subdirectory("sources"), cancelled=cancelled)
        root, copyable = build_root(order, workshop, attempt.subdirectory("root"))
        workspace = workspace or Workspace.of_container(attempt, order.limits)
        run = StepsRun(order, workshop, attempt, (*root, *sources), workspace, keeper)
        consumed = run.steps(copyable, cancelled=cancelled)
        packages = run.capture()
        log_digest = keeper.commit()
    circumstances = BuildRun(
        builder=workshop.signer.public_key.keyid,
        attempt=attempt.name,
        started=started,
        finished=time_now(),
        log=log_digest,
        runtime=_runtime(workshop),
        consumed=consumed,
        build=order.build,
    )
    subjects = [(package.descriptor, package.archive.digest) for package in packages]
    statement = build_statement(order.plan, order.recipe_digest, subjects, order.source_origins, circumstances)
    return BuildOutcome(packages, workshop.attest(statement), log_digest)


@contextmanager
def failure_in_log(keeper: LogKeeper) -> Iterator[None]:
    """Write a failure of the build into its log, and store that."""
    try:
        yield
    except BuildFailedError as error:
        # With the step's name, so that readers of the log know which step failed, even if that has printed nothing.
        keeper.say(f"{error.code}: {error.message.splitlines()[0]}", step=error.step)
        error.log = keeper.commit()
        raise


def _runtime(workshop: Workshop) -> dict[str, str]:
    varied = workshop.variation
    described = workshop.sandbox.describe() | {"hostname": varied.hostname, "clock-offset": str(varied.clock_offset)}
    return described | ({"cpus": varied.cpus} if varied.cpus else {})
