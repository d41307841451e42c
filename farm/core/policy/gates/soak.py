"""The gate `soak`: the source channel has held packages long enough. Removals soak too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from farm.core.files.duration import Duration, duration_text, read_duration
from farm.core.policy.gate_kind import GateKind
from farm.core.policy.gates.gate import Gate, GateViolation

if TYPE_CHECKING:
    from datetime import datetime

    from farm.core.files.document import Document, Node


@dataclass(frozen=True, slots=True)
class SoakGate(Gate, kind=GateKind.SOAK):
    """The source channel has held the packages for this long, and no report about them is open."""

    settings: ClassVar[tuple[str, ...]] = ("duration",)
    duration: Duration

    @classmethod
    def read(cls, document: Document, key: Node, settings: Node | None) -> Self | None:
        """Read the gate; its one setting has no key: `soak: 24h`."""
        if settings is None:
            document.report(key, "the gate soak lacks its time", "Write it as soak: 24h.")
            return None
        length = read_duration(document, settings, "soak", "24h")
        return None if length is None else cls(length)

    def laxer_than(self, signed: Self) -> str:
        """Return that the time is shorter, as a phrase."""
        if self.duration >= signed.duration:
            return ""
        return f"{duration_text(self.duration)} instead of {duration_text(signed.duration)}"

    def violation(self, source: str, since: datetime | None, now: datetime) -> GateViolation | None:
        """Return the violation by a package; `since` is when `source` came to hold it, None where it does not."""
        if since is None:
            reason = f"the newest release of {source} does not have it"
            return GateViolation(reason, f"Release it on {source} first.")
        return self._waiting(f"it has been on {source}", "soaks", since, now)

    def removal_violation(self, source: str, since: datetime | None, now: datetime) -> GateViolation | None:
        """Return the violation by a removal; `since` is when `source` dropped the package, None where it holds it."""
        if since is None:
            reason = f"the newest release of {source} still has it, so it is not removed"
            return GateViolation(reason, f"Remove it from {source} first.")
        return self._waiting(f"{source} has been without it", "its removal soaks", since, now)

    def _waiting(self, what: str, soaks: str, since: datetime, now: datetime) -> GateViolation | None:
        end = since + self.duration
        if now >= end:
            return None
        reason = f"{what} since {since:%Y-%m-%d %H:%M} UTC, and {soaks} for {duration_text(self.duration)}"
        return GateViolation(reason, f"Wait until {end:%Y-%m-%d %H:%M} UTC.", end)
