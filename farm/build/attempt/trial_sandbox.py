"""The sandbox in which something is tried that is built already: a test of a package, a comparison of two builds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.build.attempt.constant_environment import trial_environment
from farm.build.attempt.errors import BuildCancelledError
from farm.build.attempt.log_keeper import LogKeeper
from farm.container.sandbox_spec import SandboxLimits, SandboxSpec, Scratch
from farm.container.step_driver import StepLog

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from farm.build.attempt.build_host import Workshop
    from farm.build.attempt.log_keeper import LogSink
    from farm.container.attempt_directory import AttemptDirectory
    from farm.container.sandbox_spec import Bind, SandboxResult, Stream
    from farm.core.recipe.recipe import Limits

_MB = 1 << 20
_RECORD_FACTOR = 4


class TrialSandbox:
    """Runs commands one after another over the same files, each in a container of its own; one log for all of them.

    `limits` are each command's. A context manager, within which `log` is to be committed.
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
        self.log = LogKeeper(workshop.store, log, most_bytes=limits.log_mb * _MB * _RECORD_FACTOR)

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
        """Run a command, called `name` in the log, and give what it writes to standard output to `take`.

        With `unlogged_mb` that is not logged, and so much of it is taken. Raises `BuildCancelledError`.
        """
        limits = self._limits
        spec = SandboxSpec(
            command=command,
            binds=binds,
            limits=SandboxLimits(
                (limits.minutes if minutes is None else minutes) * 60,
                limits.memory_mb * _MB,
                limits.processes,
                (unlogged_mb or limits.log_mb) * _MB,
            ),
            attempt=self._attempt.path,
            labels=tuple(self._attempt.labels.items()),
            environment=trial_environment(),
            scratch=(Scratch("/tmp", limits.memory_mb * _MB // 4, shared=True),),  # noqa: S108
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.log.__exit__(kind, error, trace)
