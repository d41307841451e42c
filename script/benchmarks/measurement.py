"""The results of a workload: figures by name, measured in turns, so that disturbances affect all contenders alike."""

from __future__ import annotations

import gc
import os
import resource
import statistics
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Measurement:
    """The figures of one contender: wall-clock seconds of each round, or bytes, which are counted once.

    `processor` are the seconds of processor time that each round took, in this process and its children; not what a
    service such as the Docker Engine did for them. Other load on the machine changes them far less than the others.
    """

    name: str
    figures: tuple[float, ...]
    unit: str = "s"
    processor: tuple[float, ...] = ()

    @property
    def median(self) -> float:
        """The median of the figures."""
        return statistics.median(self.figures)

    @property
    def minimum(self) -> float:
        """The minimum of the figures."""
        return min(self.figures)

    def ratio_to(self, peer: Measurement) -> float:
        """The ratio to `peer`, by the medians."""
        return self.median / peer.median


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    stdin: bytes = b"",
    variables: Mapping[str, str | Path] | None = None,
) -> None:
    """Run a command to its end, its output discarded; `variables` are added to its environment.

    Raises `subprocess.CalledProcessError` if it fails.
    """
    environment = {**os.environ, **{name: str(value) for name, value in (variables or {}).items()}}
    subprocess.run(command, cwd=cwd, check=True, input=stdin, env=environment, stdout=subprocess.DEVNULL)


def interleave(
    contenders: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    before: Callable[[str], object] | None = None,
    after: Callable[[], object] | None = None,
    elsewhere: Callable[[], float] = lambda: 0.0,
) -> list[Measurement]:
    """Time every contender once a round, in turns (A B A B …), after one warm-up round that does not count.

    `before` (given the contender's name) and `after` run around each call, outside of its time. The garbage of one
    does not burden the next. `elsewhere` returns the processor seconds that were used so far for a contender outside of
    this process and its children.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    processor: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, contender in contenders.items():
            try:
                if before is not None:
                    before(name)
                gc.collect()
                started, used = time.perf_counter(), _processor_seconds() + elsewhere()
                contender()
                elapsed = time.perf_counter() - started
                used = _processor_seconds() + elsewhere() - used
            finally:
                if after is not None:
                    after()
            if turn:
                seconds[name].append(elapsed)
                processor[name].append(used)
    return [Measurement(name, tuple(seconds[name]), processor=tuple(processor[name])) for name in contenders]


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)
