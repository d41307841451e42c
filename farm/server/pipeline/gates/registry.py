"""Gates that look at packages one by one: which a channel's policy asks for, in its order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.policy.channel_gates import (
    AdvisoriesGate,
    ApprovalsGate,
    HardeningGate,
    HostGate,
    LicensesGate,
    ReproducedGate,
    SoakGate,
)
from farm.server.pipeline.gates.advisories import Advisories
from farm.server.pipeline.gates.approvals import Approvals
from farm.server.pipeline.gates.hardening import Hardening
from farm.server.pipeline.gates.holds import Holds
from farm.server.pipeline.gates.host import Host
from farm.server.pipeline.gates.licenses import Licenses
from farm.server.pipeline.gates.reproduced import Reproduced
from farm.server.pipeline.gates.soak import Soak

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.policy.channel import ChannelPolicy
    from farm.core.policy.channel_gates import Gate
    from farm.server.pipeline.gates.gate_result import PackageGate


def package_gates(policy: ChannelPolicy, curators: Mapping[str, Mapping[str, str]]) -> tuple[PackageGate, ...]:
    """Return the gates of single packages of a channel. Holds are asked first, whatever the policy says.

    `curators` are public keys (64 hexadecimal digits) by name, by group. Proof and tests look at sets: not here.
    """
    asked = (_package_gate(gate, policy, curators) for gate in policy.gates)
    return (Holds(), *(gate for gate in asked if gate is not None))


def _package_gate(gate: Gate, policy: ChannelPolicy, curators: Mapping[str, Mapping[str, str]]) -> PackageGate | None:
    made: PackageGate | None = None
    match gate:
        case ReproducedGate():
            made = Reproduced(gate.agree)
        case SoakGate():
            made = Soak(gate.duration, policy.from_channel)
        case ApprovalsGate():
            made = Approvals(gate.of, gate.count, curators.get(gate.of, {}))
        case LicensesGate():
            made = Licenses(allow=gate.allow, deny=gate.deny)
        case AdvisoriesGate():
            made = Advisories(gate.block)
        case HostGate():
            made = Host(gate.offered)
        case HardeningGate():
            made = Hardening()
    return made
