"""The registry of gates by their keys in a policy, and reading one: a word (`proof`), or a key with its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.files.problems import quoted, suggestion
from farm.core.policy.gate_kind import gate_key
from farm.core.policy.gates.advisories import AdvisoriesGate
from farm.core.policy.gates.approvals import ApprovalsGate
from farm.core.policy.gates.hardening import HardeningGate
from farm.core.policy.gates.host import HostGate
from farm.core.policy.gates.licenses import LicensesGate
from farm.core.policy.gates.reproduced import ReproducedGate
from farm.core.policy.gates.set_gates import AbiGate, ProofGate, TestsGate
from farm.core.policy.gates.soak import SoakGate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.files.document import Document, Node
    from farm.core.policy.gates.gate import Gate

GATES: Mapping[str, type[Gate]] = {
    gate_key(gate.kind): gate
    for gate in (
        ProofGate,
        AbiGate,
        TestsGate,
        ReproducedGate,
        SoakGate,
        ApprovalsGate,
        LicensesGate,
        AdvisoriesGate,
        HostGate,
        HardeningGate,
    )
}
_OUTDATED: Mapping[str, str] = {"licences": "licenses"}


def read_gate(document: Document, node: Node) -> Gate | None:
    """Read a gate; problems are recorded in the document, and None is returned for an invalid gate."""
    key, settings = (node, None) if node.kind != "mapping" or len(node.pairs) != 1 else node.pairs[0]
    if settings is None:
        document.declare(key, enum=tuple(GATES))
    else:
        document.declare(node, known=tuple(GATES), maxProperties=1)
    word = _OUTDATED.get(key.text, key.text)
    if word != key.text:
        document.warn(
            key, f"the gate {key.text} is called {word} now", f"Write {word}; the next release reads no other."
        )
    if word not in GATES:
        document.report(key, f"there is no gate {quoted(key.text)}", suggestion(key.text, GATES))
        return None
    return GATES[word].read(document, key, settings)
