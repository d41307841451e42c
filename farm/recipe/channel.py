"""A channel's policy: where it takes packages from, which gates a candidate must pass, what is rebuilt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast, get_args

from farm.recipe import names
from farm.recipe.document import Document, Node, parse
from farm.recipe.errors import quoted, suggestion
from farm.recipe.fields import Fields

GateKind: TypeAlias = Literal["proof", "tests"]
TestScope: TypeAlias = Literal["changed", "changed-and-dependents", "all"]
Rebuild: TypeAlias = Literal["static-consumers", "interface-changed", "always"]


@dataclass(frozen=True, slots=True)
class Gate:
    """One check that a candidate must pass; `of` says which packages' tests run, and only `tests` reads it."""

    kind: GateKind
    of: TestScope = "changed-and-dependents"


@dataclass(frozen=True, slots=True)
class ChannelPolicy:
    """`recipes/channels/<name>.yaml`. `from_channel` is empty when the channel takes fresh builds.

    `rebuild` says which dependents of a changed package are built again.
    """

    name: str
    gates: tuple[Gate, ...]
    from_channel: str = ""
    rebuild: Rebuild = "static-consumers"

    def to_dict(self) -> dict[str, Any]:
        """Return the policy as plain values, for keeping which one was in force."""
        gates = [
            {"gate": gate.kind, "of": gate.of} if gate.kind == "tests" else {"gate": gate.kind} for gate in self.gates
        ]
        return {"from": self.from_channel, "gates": gates, "name": self.name, "rebuild": self.rebuild}


def read_channel(text: bytes, file: str) -> ChannelPolicy:
    """Read a channel's policy; it is named for its file. Raises `RecipeError`."""
    document, root = parse(text, file)
    fields = Fields(document, root, "a channel", known=("from", "gates", "rebuild"), required=("gates",))
    name = names.word(file.rpartition("/")[2].removesuffix(".yaml"))
    gates = tuple(gate for node in fields.items("gates") if (gate := _read_gate(document, node)))
    for kind in get_args(GateKind):
        if sum(gate.kind == kind for gate in gates) > 1:
            fields.report("gates", f"the gate {kind} is named twice", "Keep one of them.")
    policy = ChannelPolicy(
        name,
        gates,
        fields.parsed("from", names.word) or "",
        cast("Rebuild", fields.choice("rebuild", "static-consumers", get_args(Rebuild))),
    )
    document.finish()
    return policy


def _read_gate(document: Document, node: Node) -> Gate | None:
    # A gate is a word (`proof`) or one key with its settings (`tests: {of: all}`).
    key, settings = (node, None) if node.kind != "mapping" or len(node.pairs) != 1 else node.pairs[0]
    kinds = get_args(GateKind)
    if key.text not in kinds:
        document.report(key, f"there is no gate {quoted(key.text)}", suggestion(key.text, kinds))
        return None
    if settings is None:
        return Gate(cast("GateKind", key.text))
    known = ("of",) if key.text == "tests" else ()
    fields = Fields(document, settings, f"the gate {key.text}", known=known)
    scope = fields.choice("of", "changed-and-dependents", get_args(TestScope))
    return Gate(cast("GateKind", key.text), cast("TestScope", scope))
