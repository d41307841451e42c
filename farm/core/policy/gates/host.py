"""The gate `host`: the hosts that a channel is for meet the needs of a package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from farm.core.files import values
from farm.core.files.fields import AS_WRITTEN
from farm.core.names.declared import HostNeeds
from farm.core.names.form import Form
from farm.core.names.version import Version
from farm.core.policy.gate_kind import GateKind
from farm.core.policy.gates.gate import Gate, Objection

if TYPE_CHECKING:
    from farm.core.files.document import Node
    from farm.core.files.fields import Fields


@dataclass(frozen=True, slots=True)
class HostGate(Gate, kind=GateKind.HOST, outside={"offered"}):
    """The hosts of the channel's subscribers meet a package's needs: `offered` is what all of these hosts have."""

    settings: ClassVar[tuple[str, ...]] = ("kernel", "features", "capabilities")
    offered: HostNeeds

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values: the offered features are beside the gate's name."""
        return {**Form.to_dict(self), **self.offered.to_dict()}

    @classmethod
    def of_fields(cls, fields: Fields, key: Node) -> Self:
        """Return the gate with these settings."""
        kernel = fields.parsed("kernel", Version, AS_WRITTEN)
        features = fields.unique("features", values.kernel_feature)
        if kernel is None:
            fields.document.report(key, "the gate host lacks its kernel", 'Write it as host: {kernel: "6.1"}.')
        return cls(HostNeeds(str(kernel or ""), features, fields.unique("capabilities", values.capability)))

    def laxer_than(self, signed: Self) -> str:
        """Return what else a package may need, as a phrase."""
        ours, theirs = self.offered, signed.offered
        if Version(ours.kernel or "0") > Version(theirs.kernel or "0"):
            return f"a kernel {ours.kernel} instead of {theirs.kernel}"
        more = {*ours.features, *ours.capabilities} - {*theirs.features, *theirs.capabilities}
        return f"{', '.join(sorted(more))} too" if more else ""

    def objection(self, needs: HostNeeds) -> Objection | None:
        """Return the objection to a package with these needs. Raises `InvalidVersionError`."""
        beyond = needs_beyond(needs, self.offered)
        if not beyond:
            return None
        remedy = "Leave it out of the channel, or let the gate host of the channel's policy offer that."
        return Objection(f"it needs {', '.join(beyond)} of its host, more than the policy promises", remedy)


def needs_beyond(needs: HostNeeds, offered: HostNeeds) -> tuple[str, ...]:
    """Return which of `needs` a host with exactly `offered` does not meet, each in words.

    Raises `InvalidVersionError` for an invalid kernel version.
    """
    beyond: list[str] = []
    if needs.kernel and (not offered.kernel or Version(needs.kernel) > Version(offered.kernel)):
        beyond.append(f"Linux {needs.kernel}")
    had = {*offered.features, *offered.capabilities, *offered.devices}
    beyond += sorted({*needs.features, *needs.capabilities, *needs.devices} - had)
    return tuple(beyond)
