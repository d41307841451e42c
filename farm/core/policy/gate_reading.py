"""Reading one gate of a channel's policy: a word (`proof`), or one key with its settings (`tests: {of: all}`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast, get_args

from farm.core.files import values
from farm.core.files.document import Node
from farm.core.files.duration import duration
from farm.core.files.fields import ARTICLES, AS_WRITTEN, Fields, read_parsed
from farm.core.files.problems import quoted, suggestion
from farm.core.names.declared import HostNeeds
from farm.core.names.version import Version
from farm.core.policy.channel_gates import (
    AbiGate,
    AdvisoriesGate,
    ApprovalsGate,
    HardeningGate,
    HostGate,
    LicensesGate,
    ProofGate,
    ReproducedGate,
    Severity,
    SoakGate,
    TestScope,
    TestsGate,
)
from farm.core.policy.gate_kind import gate_key
from farm.core.recipe.license import spdx_license

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from farm.core.files.document import Document
    from farm.core.policy.channel_gates import Gate

MOST_WORKERS = 16
MOST_PEOPLE = 100


def read_gate(document: Document, node: Node) -> Gate | None:
    """Read a gate; what is wrong with it is noted in the document, and None returned for what cannot be one."""
    key, settings = (node, None) if node.kind != "mapping" or len(node.pairs) != 1 else node.pairs[0]
    word = _OUTDATED.get(key.text, key.text)
    if word != key.text:
        document.warn(
            key, f"the gate {key.text} is called {word} now", f"Write {word}; the next release reads no other."
        )
    read = _READERS.get(word)
    if read is None:
        document.report(key, f"there is no gate {quoted(key.text)}", suggestion(key.text, GATES))
        return None
    return read(document, key, settings)


def read_duration(document: Document, node: Node, name: str, example: str) -> timedelta | None:
    """Return the length of time that a value says; None, noted in the document, when it says none."""
    if node.kind not in AS_WRITTEN:
        document.report(
            node, f"{name} should be a length of time, and is {ARTICLES[node.kind]}", f"Write it as {name}: {example}."
        )
        return None
    return read_parsed(document, node, name, duration, AS_WRITTEN)


def _fields(document: Document, key: Node, settings: Node | None, *known: str) -> Fields:
    # A bare word has no settings; what is missing is reported where the word stands.
    empty = Node("mapping", key.line, key.column, key.length)
    return Fields(document, settings or empty, f"the gate {key.text}", known=known)


def _proof(document: Document, key: Node, settings: Node | None) -> Gate:
    _fields(document, key, settings)
    return ProofGate()


def _abi(document: Document, key: Node, settings: Node | None) -> Gate:
    _fields(document, key, settings)
    return AbiGate()


def _tests(document: Document, key: Node, settings: Node | None) -> Gate:
    of = _fields(document, key, settings, "of").choice("of", "changed-and-dependents", get_args(TestScope))
    return TestsGate(cast("TestScope", of))


def _reproduced(document: Document, key: Node, settings: Node | None) -> Gate:
    # The build that is there already is the first of them: one would ask for nothing.
    return ReproducedGate(_fields(document, key, settings, "agree").integer("agree", 2, least=2, most=MOST_WORKERS))


def _soak(document: Document, key: Node, settings: Node | None) -> Gate | None:
    if settings is None:
        document.report(key, "the gate soak lacks its time", "Write it as soak: 24h.")
        return None
    length = read_duration(document, settings, "soak", "24h")
    return None if length is None else SoakGate(length)


def _approvals(document: Document, key: Node, settings: Node | None) -> Gate:
    fields = _fields(document, key, settings, "of", "count")
    of = fields.parsed("of", values.word) or "curators"
    return ApprovalsGate(of, fields.integer("count", 1, least=1, most=MOST_PEOPLE))


def _licenses(document: Document, key: Node, settings: Node | None) -> Gate:
    fields = _fields(document, key, settings, "allow", "deny")
    gate = LicensesGate(fields.unique("allow", spdx_license), fields.unique("deny", spdx_license))
    if "allow" in fields and "deny" in fields:
        fields.report("deny", "the gate licenses has both allow and deny", "Keep one: what allow lacks is denied.")
    elif not gate.allow and not gate.deny:
        document.report(key, "the gate licenses names no license", "Write it as licenses: {deny: [AGPL-3.0-only]}.")
    return gate


def _advisories(document: Document, key: Node, settings: Node | None) -> Gate:
    block = _fields(document, key, settings, "block").choice("block", "high", get_args(Severity))
    return AdvisoriesGate(cast("Severity", block))


def _host(document: Document, key: Node, settings: Node | None) -> Gate:
    fields = _fields(document, key, settings, "kernel", "features", "capabilities")
    kernel = fields.parsed("kernel", Version, AS_WRITTEN)
    features = fields.unique("features", values.kernel_feature)
    if kernel is None:
        document.report(key, "the gate host lacks its kernel", 'Write it as host: {kernel: "6.1"}.')
    return HostGate(HostNeeds(str(kernel or ""), features, fields.unique("capabilities", values.capability)))


def _hardening(document: Document, key: Node, settings: Node | None) -> Gate:
    _fields(document, key, settings)
    return HardeningGate()


_READERS: Mapping[str, Callable[[Document, Node, Node | None], Gate | None]] = {
    ProofGate.kind: _proof,
    AbiGate.kind: _abi,
    TestsGate.kind: _tests,
    ReproducedGate.kind: _reproduced,
    SoakGate.kind: _soak,
    ApprovalsGate.kind: _approvals,
    gate_key(LicensesGate.kind): _licenses,
    AdvisoriesGate.kind: _advisories,
    HostGate.kind: _host,
    HardeningGate.kind: _hardening,
}
GATES = tuple(_READERS)
_OUTDATED: Mapping[str, str] = {"licences": "licenses"}
