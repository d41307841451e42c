"""The gate `advisories`: no severe advisory holds for a package. Packages already released stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self, cast

from farm.core.advisories.matching import blocking
from farm.core.advisories.severity import Severity
from farm.core.policy.gate_kind import GateKind
from farm.core.policy.gates.gate import Gate, GateViolation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from farm.core.advisories.matching import Advisory, AdvisoryFinding, Statement
    from farm.core.files.document import Node
    from farm.core.files.fields import Fields
    from farm.core.names.version import Version

_BLOCKED = ("critical", "high", "medium", "low")
"""The values of `block`; each is stricter than the one before."""
_SHOWN = 200
"""The most characters of a summary."""


@dataclass(frozen=True, slots=True)
class AdvisoriesGate(Gate, kind=GateKind.ADVISORIES):
    """No advisory of this severity or a higher one holds for the package, except those that statements dismiss."""

    settings: ClassVar[tuple[str, ...]] = ("block",)
    block: Severity = "high"

    @classmethod
    def of_fields(cls, fields: Fields, key: Node) -> Self:  # noqa: ARG003
        """Return the gate with these settings."""
        return cls(cast("Severity", fields.choice("block", "high", tuple(reversed(_BLOCKED)))))

    def laxer_than(self, signed: Self) -> str:
        """Return that less severe advisories no longer block, as a phrase."""
        fewer = _BLOCKED.index(self.block) < _BLOCKED.index(signed.block)
        return f"blocks {self.block} instead of {signed.block}" if fewer else ""

    def violations(
        self,
        advisories: Iterable[Advisory],
        statements: Sequence[Statement],
        packages: Iterable[tuple[str, Version, int]],
    ) -> Iterator[tuple[str, GateViolation]]:
        """Return the violations by packages (name, version, revision), by their names."""
        found: dict[str, list[AdvisoryFinding]] = {}
        for finding in blocking(advisories, statements, packages, self.block):
            found.setdefault(finding.package, []).append(finding)
        for name, findings in found.items():
            reason = "; ".join(map(_sentence, findings))
            fixed = next((finding.fixed for finding in findings if finding.fixed), "")
            yield name, GateViolation(reason, _remedy(name, fixed))


def _sentence(finding: AdvisoryFinding) -> str:
    return f"{finding.advisory.id} ({finding.severity}): {finding.advisory.summary[:_SHOWN]}"


def _remedy(package: str, fixed: str) -> str:
    owner = package.rpartition("/")[0]
    if owner:
        fix = f"Wait for {package} {fixed} or newer" if fixed else f"Wait until {owner} releases one that is fixed"
        fix += "; it is tried automatically"
    else:
        fix = f"Submit {package} {fixed} or newer" if fixed else f"Submit a version of {package} that is fixed"
    return f"{fix}; or state why it does no harm here, with `farm advisory vex FILE`."
