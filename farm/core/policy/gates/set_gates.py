"""The gates `proof`, `abi` and `tests`, which check a candidate as a whole: search and checker carry them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Self, TypeAlias, cast, get_args

from farm.core.policy.gate_kind import GateKind
from farm.core.policy.gates.gate import Gate

if TYPE_CHECKING:
    from farm.core.files.document import Node
    from farm.core.files.fields import Fields

TestScope: TypeAlias = Literal["changed", "changed-and-dependents", "all"]
"""The values of `of`; each is stricter than the one before."""


@dataclass(frozen=True, slots=True)
class ProofGate(Gate, kind=GateKind.PROOF):
    """The proof of the whole set: every need is met, and no path is claimed twice."""


@dataclass(frozen=True, slots=True)
class AbiGate(Gate, kind=GateKind.ABI):
    """No package gets a library with another interface than the one that it was built against."""


@dataclass(frozen=True, slots=True)
class TestsGate(Gate, kind=GateKind.TESTS):
    """Package tests within the candidate; `of` selects the packages."""

    __test__: ClassVar[bool] = False  # pytest takes every class that is named so for a test
    settings: ClassVar[tuple[str, ...]] = ("of",)
    of: TestScope = "changed-and-dependents"

    @classmethod
    def of_fields(cls, fields: Fields, key: Node) -> Self:  # noqa: ARG003
        """Return the gate with these settings."""
        return cls(cast("TestScope", fields.choice("of", "changed-and-dependents", get_args(TestScope))))

    def laxer_than(self, signed: Self) -> str:
        """Return that fewer tests run, as a phrase."""
        scopes = get_args(TestScope)
        return f"of {self.of} instead of {signed.of}" if scopes.index(self.of) < scopes.index(signed.of) else ""
