"""How far a submission is that is being taken, for its submitter, who waits for the answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Report = Callable[["IntakeStep"], None]
    """Takes note of a step; it is called often, and must not fail or wait."""


class Stage(StrEnum):
    """What is being done with the recipes, in this order."""

    READING = "reading"
    CHECKING = "checking"
    STORING = "storing"
    ADDING = "adding"
    PLANNING = "planning"


@dataclass(frozen=True, slots=True)
class IntakeStep:
    """In a stage, `done` of `total` recipes are ready, or jobs in the last one; a `total` of 0 is not known."""

    stage: Stage
    done: int
    total: int


def unreported(step: IntakeStep) -> None:
    """Take no note of a step."""
