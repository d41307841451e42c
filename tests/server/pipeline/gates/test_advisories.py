from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.policy.gates.advisories import AdvisoriesGate
from farm.server.advisories.advisory_intake import add_advisory, add_statements
from farm.server.identities.access import Actor
from farm.server.pipeline.gates.policy_gates import package_gate
from tests.core.advisories.osv_documents import DISTRIBUTION, openvex, osv

if TYPE_CHECKING:
    from tests.server.pipeline.gates.conftest import GatedChannel

ALICE = Actor("token:alice")


def add(entrance: GatedChannel, document: bytes) -> None:
    with entrance.farm.application.writing() as unit:
        add_advisory(unit, ALICE, document)


def state(entrance: GatedChannel, document: bytes) -> None:
    with entrance.farm.application.writing() as unit:
        add_statements(unit, ALICE, document)


def test_an_advisory_keeps_the_package_out_and_says_how_to_mend_it(entrance: GatedChannel) -> None:
    assert entrance.ask(package_gate(AdvisoriesGate("low"))) == {}
    add(entrance, osv(package="a", fixed="1.0-2"))

    standing = entrance.ask(package_gate(AdvisoriesGate("critical")))
    assert standing.keys() == {"a"}
    assert standing["a"].state == "failed"
    assert standing["a"].reason == "EXAMPLE-2026-1 (critical): A crafted document overflows the stack"
    assert standing["a"].remedy.startswith("Submit a 1.0-2 or newer; or state why")


def test_what_is_fixed_or_harmless_enough_passes(entrance: GatedChannel) -> None:
    add(entrance, osv(package="a", fixed="1.0-1"))
    medium = {"severity": "MEDIUM"}
    add(entrance, osv(id="EXAMPLE-2026-2", package="b", fixed="", severity=None, database_specific=medium))

    assert entrance.ask(package_gate(AdvisoriesGate("high"))) == {}
    assert entrance.ask(package_gate(AdvisoriesGate("medium"))).keys() == {"b"}


def test_a_statement_that_it_does_no_harm_lets_it_pass_until_a_newer_one(entrance: GatedChannel) -> None:
    add(entrance, osv(package="a", fixed=""))
    state(entrance, openvex(product=f"{DISTRIBUTION}/a"))
    assert entrance.ask(package_gate(AdvisoriesGate("low"))) == {}

    state(entrance, openvex("affected", product=f"{DISTRIBUTION}/a", timestamp="2024-11-22T10:00:00Z"))
    assert entrance.ask(package_gate(AdvisoriesGate("low"))).keys() == {"a"}

    state(entrance, openvex("fixed", product=f"{DISTRIBUTION}/a@1.0-1", timestamp="2024-11-23T10:00:00Z"))
    assert entrance.ask(package_gate(AdvisoriesGate("low"))) == {}


def test_a_withdrawn_advisory_holds_for_nothing(entrance: GatedChannel) -> None:
    add(entrance, osv(package="a", fixed=""))
    add(entrance, osv(package="a", fixed="", modified="2024-11-21T10:00:00Z", withdrawn="2024-11-21T10:00:00Z"))

    assert entrance.ask(package_gate(AdvisoriesGate("low"))) == {}
