"""One run of a plan's steps, all or some of them, in one container; and what its workspace holds then, as packages."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.build.attempt.capture_outputs import capture_packages
from farm.build.attempt.constant_environment import build_environment
from farm.build.attempt.copied_code import consumptions, watched_directories
from farm.build.attempt.errors import BuildCancelledError, BuildFailedError, EmptyOutputError
from farm.build.attempt.workspace import BUILD
from farm.container.environment import OutputFullError
from farm.container.file_watch import OpenWatch
from farm.container.sandbox_spec import SandboxLimits, SandboxSpec
from farm.container.step_driver import StepLog, write_driver
from farm.core.buildlog.excerpt import script_excerpt
from farm.core.buildlog.remedy import remedy_of
from farm.core.package.elf.file import InvalidElfError
from farm.core.package.layout import LayoutError
from farm.core.package.pkgconfig import InvalidPkgConfigError
from farm.core.package.sensitive_files import UndeclaredFilesError, UnusedDeclarationError
from farm.core.recipe.declared_sources import RECIPE_FILE
from farm.core.recipe.recipe import SOURCE_DIRECTORY
from farm.store.errors import TreeChangedError, UnfitTreeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from farm.build.attempt.copied_code import CopyableFiles
    from farm.build.attempt.log_keeper import LogKeeper
    from farm.build.attempt.workshop import Workshop
    from farm.build.attempt.workspace import Workspace
    from farm.container.attempt_directory import AttemptDirectory
    from farm.container.sandbox_spec import Bind, SandboxResult, Stream
    from farm.core.plan.consumption import Consumption
    from farm.core.plan.job import BuildOrder, BuiltPackage

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


@dataclass(frozen=True)
class StepsRun:
    """A plan's steps from number `first` on, and before number `end`, ready to run. `binds` are its root and sources.

    `on_step` is called with the number of each step when it begins.
    """

    order: BuildOrder
    workshop: Workshop
    attempt: AttemptDirectory
    binds: tuple[Bind, ...]
    workspace: Workspace
    keeper: LogKeeper
    first: int = 0
    end: int | None = None
    on_step: Callable[[int], object] = lambda _number: None

    def steps(
        self, copyable: tuple[CopyableFiles, ...] = (), *, cancelled: Callable[[], bool] = lambda: False
    ) -> tuple[Consumption, ...]:
        """Run the steps to their end; return which of the copyable files they opened.

        Raises `BuildFailedError` unless all steps succeeded, within every limit; `BuildCancelledError`.
        """
        steps, nonce = self.order.plan.steps, secrets.token_hex(16)
        driver = self.attempt.subdirectory("driver")
        command, bind = write_driver(
            driver, steps, nonce=nonce, workdir=SOURCE_DIRECTORY, first=self.first, end=self.end
        )
        spec = build_spec(
            self.order, self.workshop, self.attempt, self.workspace, command=command, binds=(*self.binds, bind)
        )
        log = StepLog([step.title for step in steps], nonce=nonce, sink=self.keeper, first=self.first)
        begun = -1

        def take(_stream: Stream, piece: bytes) -> None:
            nonlocal begun
            log.feed(piece)
            if log.number != begun:
                begun = log.number
                self.on_step(begun)
                self.workshop.doing(f"step {log.step}" if log.step else "")

        def is_over() -> bool:
            return self.keeper.full or self.workspace.is_overfull() or cancelled()

        with OpenWatch(watched_directories(copyable)) as watch:
            result = self.workshop.sandbox.run(spec, on_output=take, cancelled=is_over)
            opened = watch.end()
        log.close()
        with self._failing_at(log.number):
            self._check_ending(result, log)
        return consumptions(copyable, opened)

    def capture(self) -> tuple[BuiltPackage, ...]:
        """Put what the steps have installed into packages. Raises `BuildFailedError` where that is at fault."""
        order = self.order
        self.workshop.doing("packing what was installed")
        with self._failing_at(len(order.plan.steps)):
            packages = capture_packages(
                order.plan, self.workspace.out.path, self.workshop.store, output_mb=order.limits.output_mb
            )
        for package in packages:
            self.keeper.say(f"made {package.descriptor.store_path}")
        return packages

    @contextmanager
    def _failing_at(self, step: int) -> Iterator[None]:
        """Turn what cannot be put into packages into a failure of the build, under the same code; set its step."""
        try:
            try:
                yield
            except _UNUSABLE_OUTPUT as error:
                # These name the package that has the file, which may be another one of the build.
                is_named = isinstance(error, UndeclaredFilesError | UnusedDeclarationError)
                message = error.message if is_named else f"{self.order.plan.name}: {error.message}"
                raise BuildFailedError(message, remedy=error.remedy, code=error.code) from error
        except BuildFailedError as error:
            error.step_number = step
            raise

    def _check_ending(self, result: SandboxResult, steps: StepLog) -> None:
        package, limits, keeper = str(self.order.plan.name), self.order.limits.to_dict(), self.keeper
        ending = "log" if keeper.full else result.ending
        is_overfull = self.workspace.is_overfull()
        if ending == "cancelled" and not is_overfull:
            raise BuildCancelledError(package)
        limit = _LIMITS.get(ending)
        if limit is None and result.exit_code and steps.forks_refused:
            limit = "processes"
        if limit is None and is_overfull:
            limit = "memory-mb"
        if limit:
            raise BuildFailedError(
                f"{package}: {self._named(steps.number)} reached the limit {limit} = {limits[limit.replace('-', '_')]}",
                remedy=f"Find out what it does there, or raise limits.{limit} in the recipe.",
                code="limit-reached",
                step=steps.step,
                first_error=keeper.first_error(steps.step),
            )
        # Before the exit status: this is the reason of a step that fails for lack of space, or that ignores it.
        self.workspace.out.check_not_full()
        if result.exit_code:
            found = keeper.first_error(steps.step, result.exit_code)
            error = BuildFailedError(
                f"{package}: {self._named(steps.number)} failed with exit status {result.exit_code}",
                remedy=remedy_of(found),
                code="step-failed",
                step=steps.step,
                first_error=found,
            )
            error.excerpt = error.excerpt or script_excerpt(self.order.plan.steps[steps.number].script)
            raise error

    def _named(self, number: int) -> str:
        """Return a step by its name, with its line of the recipe where that is known."""
        step = self.order.plan.steps[number]
        return f"the step {step.title!r}" + (f" ({RECIPE_FILE}:{step.line})" if step.line else "")


def build_spec(
    order: BuildOrder,
    workshop: Workshop,
    attempt: AttemptDirectory,
    workspace: Workspace,
    *,
    command: tuple[str, ...],
    binds: tuple[Bind, ...],
) -> SandboxSpec:
    """Return the container of a build, in which `command` runs. `binds` are all but those of the workspace."""
    return SandboxSpec(
        command=command,
        binds=(*binds, *workspace.binds),
        limits=SandboxLimits.of(order.limits),
        attempt=attempt.path,
        labels=tuple(attempt.labels.items()),
        environment=build_environment(order.plan, jobs=workshop.jobs),
        scratch=workspace.scratch,
        workdir=BUILD,
        variation=workshop.variation,
    )
