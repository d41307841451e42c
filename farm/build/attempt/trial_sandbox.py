"""The sandbox for what is built already: a test of a package, a comparison of two builds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farm.build.attempt.constant_environment import trial_environment
from farm.build.attempt.errors import BuildCancelledError
from farm.build.attempt.log_keeper import LogKeeper
from farm.container.sandbox_spec import MB, SandboxLimits, SandboxSpec, Scratch
from farm.container.step_driver import StepLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.build.attempt.log_keeper import LogSink
    from farm.build.attempt.workshop import Workshop
    from farm.container.attempt_directory import AttemptDirectory
    from farm.container.sandbox_spec import Bind, SandboxResult, Stream
    from farm.core.recipe.recipe import Limits


class TrialSandbox:
    """Runs commands one after another on the same files, each in its own container, with one log for all.

    `limits` apply to each command. A context manager, within which `log` must be committed.
    """

    def __init__(
        self,
        workshop: Workshop,
        attempt: AttemptDirectory,
        limits: Limits,
        *,
        log: LogSink,
        cancelled: Callable[[], bool],
    ) -> None:
        self._workshop = workshop
        self._attempt = attempt
        self._limits = limits
        self._cancelled = cancelled
        self.log = LogKeeper(workshop.store, log, limits)

    def run(
        self,
        command: tuple[str, ...],
        binds: tuple[Bind, ...],
        *,
        name: str,
        take: Callable[[bytes], object],
        minutes: int | None = None,
        unlogged_mb: int = 0,
    ) -> SandboxResult:
        """Run a command, called `name` in the log, and pass its standard output to `take`.

        With `unlogged_mb` the standard output is not logged, and may be that large. Raises `BuildCancelledError`.
        """
        spec = SandboxSpec(
            command=command,
            binds=binds,
            limits=SandboxLimits.of(self._limits, minutes=minutes, log_mb=unlogged_mb),
            attempt=self._attempt.path,
            labels=tuple(self._attempt.labels.items()),
            environment=trial_environment(),
            scratch=(Scratch("/tmp", self._limits.memory_mb * MB // 4, shared=True),),  # noqa: S108
            workdir="/tmp",  # noqa: S108
        )
        lines = StepLog([name], nonce=self._attempt.name, sink=self.log)

        def output(stream: Stream, piece: bytes) -> None:
            if stream == "stdout":
                take(piece)
            if stream != "stdout" or not unlogged_mb:
                lines.feed(stream, piece)

        result = self._workshop.sandbox.run(
            spec, on_output=output, cancelled=lambda: self.log.full or self._cancelled()
        )
        lines.close()
        if result.ending == "cancelled" and not self.log.full:
            raise BuildCancelledError(name)
        return result

    def __enter__(self) -> TrialSandbox:
        self.log.__enter__()
        return self

    def __exit__(self, *failure: Any) -> None:
        self.log.__exit__(*failure)
