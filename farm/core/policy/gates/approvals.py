"""The gate `approvals`: people of a group have signed an approval of a package, or of its removal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from farm.core.files import values
from farm.core.policy.gate_kind import GateKind
from farm.core.policy.gates.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from farm.core.files.document import Node
    from farm.core.files.fields import Fields

MOST_PEOPLE = 100


@dataclass(frozen=True, slots=True)
class ApprovalsGate(Gate, kind=GateKind.APPROVALS):
    """`count` people of a group in `curators.yaml` have signed an approval of the package."""

    settings: ClassVar[tuple[str, ...]] = ("of", "count")
    of: str = "curators"
    count: int = 1

    @classmethod
    def of_fields(cls, fields: Fields, key: Node) -> Self:  # noqa: ARG003
        """Return the gate with these settings."""
        group = fields.parsed("of", values.word) or "curators"
        return cls(group, fields.integer("count", 1, least=1, most=MOST_PEOPLE))

    def laxer_than(self, signed: Self) -> str:
        """Return that fewer people need to sign, as a phrase; `unsigned_people` compares the keys."""
        return f"{self.count} approvals instead of {signed.count}" if self.count < signed.count else ""

    def unsigned_people(
        self, signed: Self, groups: Mapping[str, Mapping[str, str]], signed_groups: Mapping[str, Mapping[str, str]]
    ) -> str:
        """Return the people whose keys count here and not for a signed gate, as a phrase; empty for none."""
        people = set(groups.get(self.of, {}).items()) - set(signed_groups.get(signed.of, {}).items())
        names = ", ".join(sorted(name for name, _ in people))
        return f"by {names}, with a key that is not signed for {signed.of}" if names else ""

    def lacking(self, given: Collection[str], *, removed: bool = False) -> str:
        """Return who has approved a package, or that it is `removed`, while they are too few; empty once enough."""
        if len(given) >= self.count:
            return ""
        names = f" ({', '.join(sorted(given))})" if given else ""
        return f"{len(given)} of {self.count} have approved {'its removal' if removed else 'it'}{names}"
