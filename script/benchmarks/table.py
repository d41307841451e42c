"""The results of a workload, compared with its goals; as Markdown and as JSON."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from script.benchmarks.measurement import Measurement

TOLERANCE = 1.05
"""A goal within 5 % of its ratio counts as met."""


@dataclass(frozen=True, slots=True)
class Goal:
    """`contender` should take at most `ratio` times what `peer` takes.

    `why` explains in one line what prevents that, and is shown if the goal is missed.
    """

    contender: str
    peer: str
    ratio: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """The contenders of one workload. `base` is the one that the column of ratios is relative to."""

    title: str
    base: str
    measurements: tuple[Measurement, ...]
    goals: tuple[Goal, ...] = ()
    note: str = ""
    processor: bool = False
    """Whether to show processor time: if all work is done by this process and its children."""

    def ratio(self, name: str, peer: str) -> float:
        """The ratio of one contender to another; raises `KeyError`."""
        by_name = {measurement.name: measurement for measurement in self.measurements}
        return by_name[name].ratio_to(by_name[peer])

    def met(self, goal: Goal) -> bool:
        """Return whether a goal is reached."""
        return self.ratio(goal.contender, goal.peer) <= goal.ratio * TOLERANCE

    def to_markdown(self) -> str:
        """Return the table with its goals, ending with a newline."""
        columns = ["contender", "median", "minimum", f"x {self.base}", *(["processor"] if self.processor else [])]
        lines = [f"### {self.title}", "", _row(columns), _row(["---", *["---:"] * (len(columns) - 1)])]
        for measurement in self.measurements:
            figures = [amount(measurement.median, measurement.unit), amount(measurement.minimum, measurement.unit)]
            figures.append(f"{self.ratio(measurement.name, self.base):.2f}")
            if self.processor:
                figures.append(amount(statistics.median(measurement.processor), "s"))
            lines.append(_row([measurement.name, *figures]))
        if self.note:
            lines += ["", self.note]
        if self.goals:
            lines += ["", *map(self._judged, self.goals)]
        return "\n".join(lines) + "\n"

    def _judged(self, goal: Goal) -> str:
        met, ratio = self.met(goal), self.ratio(goal.contender, goal.peer)
        verdict = "met" if met else "**missed**"
        why = "" if met or not goal.why else f": {goal.why}"
        return f"- {goal.contender} ≤ {goal.ratio:g} x {goal.peer}: {ratio:.2f}, {verdict}{why}"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "title": self.title,
            "note": self.note,
            "measurements": [
                {
                    "name": measurement.name,
                    "unit": measurement.unit,
                    "figures": list(measurement.figures),
                    "processor": list(measurement.processor),
                }
                for measurement in self.measurements
            ],
            "goals": [
                {
                    "contender": goal.contender,
                    "peer": goal.peer,
                    "at-most": goal.ratio,
                    "ratio": self.ratio(goal.contender, goal.peer),
                    "met": self.met(goal),
                    "why": goal.why,
                }
                for goal in self.goals
            ],
        }


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def amount(value: float, unit: str) -> str:
    """Return a figure for people: seconds in s or ms, bytes in MB or kB, counts unchanged."""
    if unit not in ("s", "B"):
        return f"{value:g}"
    if unit == "B":
        return f"{value / 1e6:.2f} MB" if value >= 1e6 else f"{value / 1e3:.1f} kB"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.1f} ms"
