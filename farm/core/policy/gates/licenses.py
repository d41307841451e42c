"""The gate `licenses`: the license of a package is accepted in the channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from farm.core.policy.gate_kind import GateKind
from farm.core.policy.gates.gate import Gate, GateViolation
from farm.core.recipe.license import refused_licenses, spdx_license

if TYPE_CHECKING:
    from farm.core.files.document import Node
    from farm.core.files.fields import Fields


@dataclass(frozen=True, slots=True)
class LicensesGate(Gate, kind=GateKind.LICENSES):
    """A package's license is one of the allowed ones, or none of the denied ones: SPDX identifiers.

    Only one of the two lists is set.
    """

    settings: ClassVar[tuple[str, ...]] = ("allow", "deny")
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()

    @classmethod
    def of_fields(cls, fields: Fields, key: Node) -> Self:
        """Return the gate with these settings."""
        gate = cls(fields.unique("allow", spdx_license), fields.unique("deny", spdx_license))
        if "allow" in fields and "deny" in fields:
            fields.report("deny", "the gate licenses has both allow and deny", "Keep one: what allow lacks is denied.")
        elif not gate.allow and not gate.deny:
            remedy = "Write it as licenses: {deny: [AGPL-3.0-only]}."
            fields.document.report(key, "the gate licenses names no license", remedy)
        return gate

    def laxer_than(self, signed: Self) -> str:
        """Return the licenses that this gate accepts and the signed gate refuses, as a phrase."""
        if self.allow:
            more = set(self.allow) - set(signed.allow) if signed.allow else set(self.allow) & set(signed.deny)
            return f"allows {', '.join(sorted(more))} too" if more else ""
        if signed.allow:
            return "denies some instead of allowing some"
        fewer = set(signed.deny) - set(self.deny)
        return f"does not deny {', '.join(sorted(fewer))}" if fewer else ""

    def violation(self, license_text: str) -> GateViolation | None:
        """Return the violation by a package with this SPDX expression. Raises `InvalidValueError`."""
        refused = refused_licenses(license_text, allow=self.allow, deny=self.deny)
        if not refused:
            return None
        rule = f"allows only {', '.join(self.allow)}" if self.allow else f"denies {', '.join(self.deny)}"
        remedy = f"Leave it out of the channel, or let the channel's policy allow {' and '.join(refused)}."
        return GateViolation(f"it is licensed {license_text}, and the policy {rule}", remedy)
