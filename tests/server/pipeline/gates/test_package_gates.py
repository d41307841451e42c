from __future__ import annotations

from datetime import timedelta

from farm.core.policy.channel import ChannelPolicy
from farm.core.policy.gates.advisories import AdvisoriesGate
from farm.core.policy.gates.approvals import ApprovalsGate
from farm.core.policy.gates.licenses import LicensesGate
from farm.core.policy.gates.reproduced import ReproducedGate
from farm.core.policy.gates.set_gates import ProofGate, TestsGate
from farm.core.policy.gates.soak import SoakGate
from farm.server.pipeline.gates.policy_gates import Approvals, package_gates
from farm.server.pipeline.gates.soak import Soak

CURATORS = {"curators": {"alice": "0" * 64}}


def test_gates_of_packages_come_in_the_policys_order_behind_holds() -> None:
    policy = ChannelPolicy(
        "stable",
        (
            LicensesGate(deny=("AGPL-3.0-only",)),
            ProofGate(),
            SoakGate(timedelta(hours=1)),
            TestsGate(),
            ApprovalsGate("curators", 1),
            ReproducedGate(2),
            AdvisoriesGate("high"),
        ),
        "edge",
    )
    gates = package_gates(policy, CURATORS)

    kinds = [gate.kind for gate in gates]
    assert kinds == ["hold", "licences", "soak", "approvals", "reproduced", "advisories"]
    soak, approvals = gates[2], gates[3]
    assert isinstance(soak, Soak)
    assert (soak.gate.duration, soak.from_channel) == (timedelta(hours=1), "edge")
    assert isinstance(approvals, Approvals)
    assert approvals.keys == CURATORS["curators"]


def test_holds_are_asked_even_where_no_policy_names_them() -> None:
    assert [gate.kind for gate in package_gates(ChannelPolicy("edge", (ProofGate(),)), {})] == ["hold"]


def test_a_group_that_is_not_there_approves_nothing() -> None:
    (_, approvals) = package_gates(ChannelPolicy("edge", (ApprovalsGate("nobody", 1), ProofGate())), CURATORS)
    assert isinstance(approvals, Approvals)
    assert approvals.keys == {}
