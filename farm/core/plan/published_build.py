"""A build as a release has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.core.plan.job import BuildOutcome
    from farm.core.plan.plan import Plan


@dataclass(frozen=True, slots=True)
class PublishedBuild:
    """The build of a recipe's main package in `release` (`dist.example.org/edge release 12`), verified.

    `outcome` has those of its packages that are in the release too; `lacks` is the number of the others.
    """

    release: str
    plan: Plan
    outcome: BuildOutcome
    lacks: int = 0
