"""A build, from a plan to signed packages: the one sequence of steps that a farm's worker and `farm build` both run."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from farm.build.attempt.capture_outputs import capture_packages
from farm.build.attempt.constant_environment import OUTPUT, build_environment
from farm.build.attempt.copied_code import consumptions, watched_directories
from farm.build.attempt.errors import BuildCancelledError, BuildFailedError, EmptyOutputError
from farm.build.attempt.inputs import build_root, fetch_sources
from farm.build.attempt.log_keeper import LogKeeper
from farm.build.attempt.workshop import time_now
from farm.container.environment import OutputFullError, OutputVolume
from farm.container.file_watch import OpenWatch
from farm.container.sandbox_spec import BUILD_USER, MB, Bind, SandboxLimits, SandboxSpec, Scratch
from farm.container.step_driver import StepLog, write_driver
from farm.core.buildlog.remedy import remedy_of
from farm.core.package.elf.file import InvalidElfError
from farm.core.package.layout import LayoutError
from farm.core.package.pkgconfig import InvalidPkgConfigError
from farm.core.package.sensitive_files import UndeclaredFilesError, UnusedDeclarationError
from farm.core.plan.job import BuildOutcome
from farm.core.recipe.recipe import SOURCE_DIRECTORY
from farm.store.errors import TreeChangedError, UnfitTreeError
from farm.trust.attestation.provenance import BuildRun, build_statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from farm.build.attempt.copied_code import CopyableFiles
    from farm.build.attempt.log_keeper import LogSink
    from farm.build.attempt.workshop import Workshop
    from farm.container.attempt_directory import AttemptDirectory
    from farm.container.sandbox_spec import SandboxResult
    from farm.core.plan.consumption import Consumption
    from farm.core.plan.job import BuildOrder

_UNUSABLE_OUTPUT = (
    UnfitTreeError,
    TreeChangedError,
    LayoutError,
    EmptyOutputError,
    OutputFullError,
    InvalidElfError,
    InvalidPkgConfigError,
    UndeclaredFilesError,
    UnusedDeclarationError,
)
_LIMITS = {"time": "minutes", "memory": "memory-mb", "log": "log-mb"}
"""The key under `limits` in the recipe of each limit that a sandbox reports."""


def build(
    order: BuildOrder,
    workshop: Workshop,
    *,
    attempt: AttemptDirectory,
    log: LogSink,
    cancelled: Callable[[], bool] = lambda: False,
) -> BuildOutcome:
    """Build the packages of a plan and sign their provenance.

    `attempt` belongs to the caller, which extends its lease meanwhile and closes it afterwards. Raises
    `BuildFailedError` (whose `log` is the blob of the whole log) for faults of the build itself, `BuildCancelledError`,
    and the errors of sources, stores and sandbox for faults of the worker.
    """
    started = time_now()
    with LogKeeper(workshop.store, log, order.limits) as keeper, _failure_in_log(keeper):
        sources = fetch_sources(order, workshop, keeper)
        root, copyable = build_root(order, workshop, attempt.subdirectory("root"))
        volume = OutputVolume.mount(attempt.subdirectory("out"), limit_mb=order.limits.output_mb, owner=BUILD_USER)
        binds = (*root, *sources, Bind(volume.path, OUTPUT, writable=True))
        result, steps, consumed = _run_steps(
            order, workshop, attempt, binds=binds, copyable=copyable, keeper=keeper, cancelled=cancelled
        )
        with _unusable_output(order):
            _check_ending(order, result, steps, keeper, volume)
            packages = capture_packages(order.plan, volume.path, workshop.store, output_mb=order.limits.output_mb)
        for package in packages:
            keeper.say(f"made {package.descriptor.store_path}")
        log_digest = keeper.commit()
    run = BuildRun(
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
    statement = build_statement(order.plan, order.recipe_digest, subjects, order.source_origins, run)
    return BuildOutcome(packages, workshop.attest(statement), log_digest)


@contextmanager
def _failure_in_log(keeper: LogKeeper) -> Iterator[None]:
    """Write a failure of the build into its log, and store that."""
    try:
        yield
    except BuildFailedError as error:
        # With the step's name, so that readers of the log know which step failed, even if that has printed nothing.
        keeper.say(f"{error.code}: {error.message.splitlines()[0]}", step=error.step)
        error.log = keeper.commit()
        raise


@contextmanager
def _unusable_output(order: BuildOrder) -> Iterator[None]:
    """Turn what cannot be put into packages into a failure of the build, under the same code."""
    try:
        yield
    except _UNUSABLE_OUTPUT as error:
        # These name the package that has the file, which may be another one of the build.
        is_named = isinstance(error, UndeclaredFilesError | UnusedDeclarationError)
        message = error.message if is_named else f"{order.plan.name}: {error.message}"
        raise BuildFailedError(message, remedy=error.remedy, code=error.code) from error


def _run_steps(
    order: BuildOrder,
    workshop: Workshop,
    attempt: AttemptDirectory,
    *,
    binds: tuple[Bind, ...],
    copyable: tuple[CopyableFiles, ...],
    keeper: LogKeeper,
    cancelled: Callable[[], bool],
) -> tuple[SandboxResult, StepLog, tuple[Consumption, ...]]:
    """Run the steps of a plan in the sandbox; return how they ended, their log, and the copyable files they opened."""
    plan, memory = order.plan, order.limits.memory_mb * MB
    nonce = secrets.token_hex(16)
    command, driver = write_driver(attempt.subdirectory("driver"), plan.steps, nonce=nonce, workdir=SOURCE_DIRECTORY)
    spec = SandboxSpec(
        command=command,
        binds=(*binds, driver),
        limits=SandboxLimits.of(order.limits),
        attempt=attempt.path,
        labels=tuple(attempt.labels.items()),
        environment=build_environment(plan, jobs=workshop.jobs),
        scratch=(Scratch("/build", memory), Scratch("/tmp", memory // 4, shared=True)),  # noqa: S108
        workdir="/build",
        variation=workshop.variation,
    )
    steps = StepLog([step.name for step in plan.steps], nonce=nonce, sink=keeper)
    with OpenWatch(watched_directories(copyable)) as watch:
        result = workshop.sandbox.run(
            spec, on_output=lambda _, piece: steps.feed(piece), cancelled=lambda: keeper.full or cancelled()
        )
        opened = watch.end()
    steps.close()
    return result, steps, consumptions(copyable, opened)


def _check_ending(
    order: BuildOrder, result: SandboxResult, steps: StepLog, keeper: LogKeeper, volume: OutputVolume
) -> None:
    """Raise unless all steps succeeded, within every limit."""
    package, limits = str(order.plan.name), order.limits.to_dict()
    ending = "log" if keeper.full else result.ending
    if ending == "cancelled":
        raise BuildCancelledError(package)
    limit = _LIMITS.get(ending)
    if limit is None and result.exit_code and steps.forks_refused:
        limit = "processes"
    if limit:
        raise BuildFailedError(
            f"{package}: the step {steps.step!r} reached the limit {limit} = {limits[limit.replace('-', '_')]}",
            remedy=f"Find out what it does there, or raise limits.{limit} in the recipe.",
            code="limit-reached",
            step=steps.step,
            first_error=keeper.first_error(steps.step),
        )
    # Before the exit status: a step that fails for lack of space gets this reason, and one that ignores it is caught.
    volume.check_not_full()
    if result.exit_code:
        found = keeper.first_error(steps.step)
        raise BuildFailedError(
            f"{package}: the step {steps.step!r} failed with exit status {result.exit_code}",
            remedy=remedy_of(found),
            code="step-failed",
            step=steps.step,
            first_error=found,
        )


def _runtime(workshop: Workshop) -> dict[str, str]:
    varied = workshop.variation
    described = workshop.sandbox.describe() | {"hostname": varied.hostname, "clock-offset": str(varied.clock_offset)}
    return described | ({"cpus": varied.cpus} if varied.cpus else {})
