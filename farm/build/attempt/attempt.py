"""One attempt at a build: fetch, compose, run the steps, stop, look at what was installed, capture, describe, sign."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from farm.build.attempt.capture_outputs import harvest
from farm.build.attempt.constant_environment import OUTPUT, build_environment
from farm.build.attempt.copied_code import CopyWatch
from farm.build.attempt.errors import (
    BuildCancelledError,
    BuildFailedError,
    EmptyOutputError,
    LimitReachedError,
    StepFailedError,
    UnusableOutputError,
)
from farm.build.attempt.inputs import bind_sources, build_root, fetch_sources
from farm.build.attempt.log_keeper import LogKeeper
from farm.build.attempt.package_test import run_test
from farm.build.attempt.sign_result import time_now
from farm.container.output_volume import OutputFullError, OutputVolume
from farm.container.sandbox_spec import BUILD_USER, Bind, SandboxLimits, SandboxSpec, Scratch
from farm.container.step_driver import StepLog, write_driver
from farm.core.package.elf.file import InvalidElfError
from farm.core.package.layout import LayoutError
from farm.core.package.pkgconfig import InvalidPkgConfigError
from farm.core.package.sensitive_files import UndeclaredFilesError, UnusedDeclarationError
from farm.core.plan.job import BuildOutcome
from farm.core.recipe.recipe import SOURCE_DIRECTORY
from farm.store.errors import TreeChangedError, UnfitTreeError
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.provenance import BuildRun, build_statement

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.build.attempt.build_host import Workshop
    from farm.build.attempt.log_keeper import LogSink
    from farm.container.attempt_directory import AttemptDirectory
    from farm.container.sandbox_spec import SandboxResult
    from farm.core.names.digest import Digest
    from farm.core.plan.consumption import Consumption
    from farm.core.plan.job import BuildOrder, BuiltPackage

__all__ = ["build", "run_test"]

MB = 1 << 20
# What a line costs when it is kept, against what it is when it is printed.
_RECORD_FACTOR = 4
_UNUSABLE = (
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


def build(
    order: BuildOrder,
    workshop: Workshop,
    *,
    attempt: AttemptDirectory,
    log: LogSink,
    cancelled: Callable[[], bool] = lambda: False,
) -> BuildOutcome:
    """Carry a plan out. `attempt` is the caller's, who extends its lease meanwhile and closes it afterwards.

    Raises `BuildFailedError` (whose `log` is the blob of the whole log) for what the build itself did wrong,
    `BuildCancelledError`, and the errors of sources, stores and sandbox for what the worker could not do.
    """
    started = time_now()
    most_bytes = order.limits.log_mb * MB * _RECORD_FACTOR
    with LogKeeper(workshop.store, log, most_bytes=most_bytes) as keeper:
        try:
            packages, consumed = _carry_out(order, workshop, attempt, keeper, cancelled)
        except BuildFailedError as error:
            keeper.say(f"{error.code}: {error.message.splitlines()[0]}")
            error.log = keeper.commit()
            raise
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
    return BuildOutcome(packages, _sign(order, workshop, packages, run), log_digest)


def _carry_out(
    order: BuildOrder,
    workshop: Workshop,
    attempt: AttemptDirectory,
    keeper: LogKeeper,
    cancelled: Callable[[], bool],
) -> tuple[tuple[BuiltPackage, ...], tuple[Consumption, ...]]:
    plan, limits = order.plan, order.limits
    fetched = fetch_sources(order, workshop)
    for source, blob in zip(plan.sources, fetched, strict=True):
        keeper.say(f"source {source.file} {source.digest} from {blob.origin}")
    root, offers = build_root(order, workshop, attempt.subdirectory("root"))
    volume = OutputVolume.mount(attempt.subdirectory("out"), limit_mb=limits.output_mb, owner=BUILD_USER)
    nonce = secrets.token_hex(16)
    driver = write_driver(attempt.subdirectory("driver"), plan.steps, nonce=nonce, workdir=SOURCE_DIRECTORY)
    spec = SandboxSpec(
        command=driver.command,
        binds=(*root, *bind_sources(order, fetched), driver.bind, Bind(volume.path, OUTPUT, writable=True)),
        limits=SandboxLimits(limits.minutes * 60, limits.memory_mb * MB, limits.processes, limits.log_mb * MB),
        attempt=attempt.path,
        labels=tuple(attempt.labels.items()),
        environment=build_environment(plan, jobs=workshop.jobs),
        scratch=(Scratch("/build", limits.memory_mb * MB), Scratch("/tmp", limits.memory_mb * MB // 4, shared=True)),  # noqa: S108
        workdir="/build",
        variation=workshop.variation,
    )
    steps = StepLog([step.name for step in plan.steps], nonce=nonce, sink=keeper)
    with CopyWatch(offers) as watch:
        result = workshop.sandbox.run(spec, on_output=steps.feed, cancelled=lambda: keeper.full or cancelled())
        consumed = watch.end()
    steps.close()
    try:
        _judge(order, result, steps, keeper, volume)
        return harvest(plan, volume.path, workshop.store, output_mb=limits.output_mb), consumed
    except _UNUSABLE as error:
        raise UnusableOutputError(str(plan.name), error) from error


def _judge(order: BuildOrder, result: SandboxResult, steps: StepLog, keeper: LogKeeper, volume: OutputVolume) -> None:
    """Raise unless the steps all ran to a good end, within every limit."""
    package, limits = str(order.plan.name), order.limits.to_dict()
    ending = "log" if keeper.full else result.ending
    if ending == "cancelled":
        raise BuildCancelledError(package)
    limit = {"time": "minutes", "memory": "memory-mb", "log": "log-mb"}.get(ending)
    if limit is None and result.exit_code and steps.forks_refused:
        limit = "processes"
    if limit:
        raise LimitReachedError(package, limit, limits[limit.replace("-", "_")], steps.step, keeper.last_lines)
    # Before the status: a step that fails for want of room is told why, and one that ignores it is not believed.
    volume.check_not_full()
    if result.exit_code:
        raise StepFailedError(package, steps.step, result.exit_code, keeper.last_lines)


def _sign(order: BuildOrder, workshop: Workshop, packages: tuple[BuiltPackage, ...], run: BuildRun) -> Digest:
    subjects = [(package.descriptor, package.archive.digest) for package in packages]
    statement = build_statement(order.plan, order.recipe_digest, subjects, order.source_origins, run)
    return workshop.store.put_bytes(sign_statement(statement, workshop.signer))


def _runtime(workshop: Workshop) -> dict[str, str]:
    varied = workshop.variation
    described = workshop.sandbox.describe() | {"hostname": varied.hostname, "clock-offset": str(varied.clock_offset)}
    return described | ({"cpus": varied.cpus} if varied.cpus else {})
