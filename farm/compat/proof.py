"""The proof of a set, as a value: what is wrong with it, what is worth knowing, and what has been looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm.compat.proof_scope import ProofScope

if TYPE_CHECKING:
    from farm.compat.note import Note
    from farm.compat.problem import Problem


@dataclass(frozen=True, slots=True)
class Proof:
    """What is wrong with a set, sorted by package; a set without problems is proven, as far as `scope` goes.

    `notes` are worth knowing and refuse nothing, sorted likewise.
    """

    problems: tuple[Problem, ...]
    notes: tuple[Note, ...] = ()
    scope: ProofScope = field(default_factory=ProofScope)

    @property
    def holds(self) -> bool:
        """Whether the set may be released, as far as a proof can tell."""
        return not self.problems
