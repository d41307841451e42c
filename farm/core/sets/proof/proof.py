"""The proof of a set, as a value: what is wrong with it, what is worth knowing, and what has been looked at."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm.core.sets.proof.proof_scope import ProofScope

if TYPE_CHECKING:
    from farm.core.sets.findings.note import Note
    from farm.core.sets.findings.problem import Problem


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

    @property
    def summary(self) -> str:
        """What is said of a set that holds, in one line: what was looked at, and the first note of each kind."""
        kinds = Counter(note.code for note in self.notes)
        told = [next(note.message for note in self.notes if note.code == kind) for kind in kinds]
        more = [f" (and {count - 1:,} more like it)" if count > 1 else "" for count in kinds.values()]
        notes = [f"note: {message}{others}" for message, others in zip(told, more, strict=True)]
        return "; ".join([self.scope.summary, *notes])
