"""What a package asks of the host that its container shares a kernel with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class HostNeeds:
    """The least kernel version (`5.10`, empty for any), kernel features and capabilities (`CAP_NET_RAW`), sorted."""

    kernel: str = ""
    features: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the value as canonical JSON spells it."""
        return {"kernel": self.kernel, "features": list(self.features), "capabilities": list(self.capabilities)}
