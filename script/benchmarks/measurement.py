"""What a workload gives back: times by name, taken in turns so that what disturbs the machine disturbs all alike."""

from __future__ import annotations

import gc
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
    """Wall-clock seconds of each round of one contender."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one of the times, in seconds."""
        return statistics.median(self.seconds)

    @property
    def minimum(self) -> float:
        """The shortest of the times, in seconds."""
        return min(self.seconds)

    def ratio_to(self, peer: Measurement) -> float:
        """How many times as long as `peer`, by the medians."""
        return self.median / peer.median


def run(command: Sequence[str | Path], *, cwd: Path | None = None) -> None:
    """Run a command to its end, its output thrown away. Raises `subprocess.CalledProcessError` if it fails."""
    subprocess.run(command, cwd=cwd, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def interleave(
    contenders: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    before: Callable[[], object] | None = None,
    after: Callable[[], object] | None = None,
) -> list[Measurement]:
    """Time every contender once a round, in turns (A B A B …), after one warm-up round that does not count.

    `before` and `after` run around each call, outside of its time. The garbage of one does not burden the next.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, contender in contenders.items():
            if before is not None:
                before()
            gc.collect()
            started = time.perf_counter()
            contender()
            elapsed = time.perf_counter() - started
            if turn:
                seconds[name].append(elapsed)
            if after is not None:
                after()
    return [Measurement(name, tuple(times)) for name, times in seconds.items()]
