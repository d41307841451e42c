"""The gate `reproduced`: different workers have built a package with the same result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from farm.core.policy.gate_kind import GateKind
from farm.core.policy.gates.gate import Gate

if TYPE_CHECKING:
    from farm.core.files.document import Node
    from farm.core.files.fields import Fields

MOST_WORKERS = 16


@dataclass(frozen=True, slots=True)
class ReproducedGate(Gate, kind=GateKind.REPRODUCED):
    """`agree` builds by different workers, including the first one, gave the same package."""

    settings: ClassVar[tuple[str, ...]] = ("agree",)
    agree: int = 2

    @classmethod
    def of_fields(cls, fields: Fields, key: Node) -> Self:  # noqa: ARG003
        """Return the gate with these settings."""
        # The existing build is the first of them: one would require nothing.
        return cls(fields.integer("agree", 2, least=2, most=MOST_WORKERS))

    def laxer_than(self, signed: Self) -> str:
        """Return that fewer builders need to agree, as a phrase."""
        return f"{self.agree} builders instead of {signed.agree}" if self.agree < signed.agree else ""

    def lacking(self, builders: int) -> str:
        """Return how many builders agree while they are too few; empty once they are enough."""
        return f"{builders} of {self.agree} builders agree" if builders < self.agree else ""
