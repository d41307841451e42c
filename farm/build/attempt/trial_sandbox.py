"""The sandbox for what is built already: a test of a package, a comparison of two builds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from farm.build.attempt.constant_environment import TRIAL_ENVIRONMENT
from farm.build.attempt.errors import BuildCancelledError
from farm.container.sandbox_spec import MB, SandboxLimits, SandboxSpec, Scratch, Stream
from farm.container.step_driver import StepLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.build.attempt.log_keeper import LogKeeper
    from farm.build.attempt.workshop import Workshop
    from farm.container.attempt_directory import AttemptDirectory
    from farm.container.sandbox_spec import Bind, SandboxResult
    from farm.core.recipe.recipe import Limits


@dataclass(frozen=True, slots=True)
class TrialSandbox:
    """Runs commands one after another on the same files, each in its own container; `limits` apply to each."""

    workshop: Workshop
    attempt: AttemptDirectory
    limits: Limits
    log: LogKeeper
    cancelled: Callable[[], bool]

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
            limits=SandboxLimits.of(self.limits, minutes=minutes, log_mb=unlogged_mb),
            attempt=self.attempt.path,
            labels=tuple(self.attempt.labels.items()),
            environment=TRIAL_ENVIRONMENT,
            scratch=(Scratch("/tmp", self.limits.memory_mb * MB // 4, shared=True),),  # noqa: S108
            workdir="/tmp",  # noqa: S108
        )
        # In two pipes, as what a test prints is compared; the order of lines of different streams is that of arrival.
        nonce = self.attempt.name
        lines = {stream: StepLog([name], nonce=nonce, sink=self.log, stream=stream) for stream in get_args(Stream)}

        def output(stream: Stream, piece: bytes) -> None:
            if stream == "stdout":
                take(piece)
            if stream != "stdout" or not unlogged_mb:
                lines[stream].feed(piece)

        result = self.workshop.sandbox.run(spec, on_output=output, cancelled=lambda: self.log.full or self.cancelled())
        for stream_lines in lines.values():
            stream_lines.close()
        if result.ending == "cancelled" and not self.log.full:
            raise BuildCancelledError(name)
        return result
