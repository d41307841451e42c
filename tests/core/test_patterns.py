"""No regular expression that reads a stranger's text makes the farm work out of proportion to its length."""

from __future__ import annotations

import pkgutil
import re
import subprocess
import sys
from pathlib import Path

from tests.core import patterns

ROOMS = ("farm/core/buildlog", "farm/core/files", "farm/core/lint", "farm/core/recipe")
ROOT = Path(__file__).parents[2]
MOST_GROWTH = 8
LONGEST_RUN = 300


def modules() -> list[str]:
    places = [(str(ROOT / room), room.replace("/", ".") + ".") for room in ROOMS]
    return sorted(
        module.name for place, prefix in places for module in pkgutil.walk_packages([place], prefix) if not module.ispkg
    )


def growths(*names: str, limit: int = LONGEST_RUN) -> dict[str, float]:
    """Return the growth of each pattern of modules; infinite for the one that did not come to an end."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.core.patterns", *names], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            said, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
            *_, (_, last) = (line.split(" ", 1) for line in said.splitlines() if line.startswith(": "))
            said += f"inf {last}\n"
    assert process.returncode in (0, -9)
    lines = [line.split(" ", 1) for line in said.splitlines() if not line.startswith(": ")]
    return {pattern: float(growth) for growth, pattern in lines}


def test_work_does_not_grow_faster_than_the_text() -> None:
    """A busy machine may disturb one measurement, but not the same pattern's twice."""
    found = growths(*modules())
    assert len(found) > 150
    if slow := {pattern for pattern, growth in found.items() if growth > MOST_GROWTH}:
        again = growths(*sorted({pattern.partition(" ")[0] for pattern in slow}))
        assert {pattern: growth for pattern, growth in again.items() if growth > MOST_GROWTH and pattern in slow} == {}


def test_a_pattern_that_is_slow_is_found() -> None:
    assert patterns.growth_of(re.compile(r"[\s|]*(?:\S+: )?Traceback")) > MOST_GROWTH


def test_a_pattern_that_does_not_come_to_an_end_is_found() -> None:
    found = growths("tests.core.endless_pattern", limit=3)
    assert [growth for pattern, growth in found.items() if "error" in pattern] == [float("inf")]
