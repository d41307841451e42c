from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.core.names.declared import HostNeeds
from farm.core.policy.gates.host import HostGate
from farm.server.pipeline.gates.policy_gates import package_gate
from tests.farms.small import recipe

if TYPE_CHECKING:
    from tests.server.pipeline.gates.conftest import GatedChannel

GATE = HostGate("6.1", ("CONFIG_IO_URING",), ("CAP_NET_RAW",))


@pytest.mark.parametrize(
    ("needs", "lacking"),
    [
        (HostNeeds(), ""),
        (HostNeeds("6.1", ("CONFIG_IO_URING",), ("CAP_NET_RAW",)), ""),
        (HostNeeds("5.15"), ""),
        (HostNeeds("6.10"), "Linux 6.10"),
        (HostNeeds("6.2", ("CONFIG_BPF",), ("CAP_SYS_ADMIN",)), "Linux 6.2, CAP_SYS_ADMIN, CONFIG_BPF"),
    ],
)
def test_what_a_host_does_not_offer_is_named(needs: HostNeeds, lacking: str) -> None:
    violation = GATE.violation(needs)
    expected = f"it needs {lacking} of its host, more than the policy promises" if lacking else ""
    assert (violation.reason if violation else "") == expected


def test_a_package_that_asks_more_than_the_channel_promises_stays_out(entrance: GatedChannel) -> None:
    asking = 'host: {kernel: "6.12", capabilities: [CAP_BPF]}\n'
    entrance.farm.submit(recipe("a", version="2.0", more=asking))
    entrance.farm.build_all()
    assert entrance.ask(package_gate(HostGate("6.12", (), ("CAP_BPF",)))) == {}
    standing = entrance.ask(package_gate(HostGate("6.1")))
    assert standing.keys() == {"a"}
    assert standing["a"].state == "failed"
    assert standing["a"].reason == "it needs Linux 6.12, CAP_BPF of its host, more than the policy promises"
