"""The base of the gates in a channel's policy: key, settings, how they are read, and violations."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  (the hints of a tuple are its fields)
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from farm.core.files.document import Node
from farm.core.files.fields import Fields
from farm.core.names.form import Form
from farm.core.policy.gate_kind import GateKind

if TYPE_CHECKING:
    from typing import Self

    from farm.core.files.document import Document


class GateViolation(NamedTuple):
    """Why a gate does not let a package in or out: a clause without its full stop, and the remedy.

    `until` is the time at which the violation ends by itself.
    """

    reason: str
    remedy: str
    until: datetime | None = None


class Gate(Form):
    """A gate that a channel's policy requires, with its settings: `class TestsGate(Gate, kind=GateKind.TESTS)`.

    Gates of single packages have a `violation` method. The pipeline calls it with data of the database
    (`farm.server.pipeline.gates`), the checker again with signed data (`farm.checker.gates`).
    """

    __slots__ = ()
    kind: ClassVar[GateKind]
    settings: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, *, kind: GateKind | None = None) -> None:
        if kind is not None:
            cls.kind = kind
            super().__init_subclass__(record=f"gate {kind}", constants={"gate": kind})

    @classmethod
    def read(cls, document: Document, key: Node, settings: Node | None) -> Self | None:
        """Read the gate; problems are recorded in the document, and None is returned for an invalid gate."""
        # A bare word has no settings; missing ones are reported at the word.
        empty = Node("mapping", key.line, key.column, key.length)
        return cls.of_fields(Fields(document, settings or empty, f"the gate {key.text}", known=cls.settings), key)

    @classmethod
    def of_fields(cls, fields: Fields, key: Node) -> Self:  # noqa: ARG003  (for those that have settings)
        """Return the gate with these settings; `key` is the node that names the gate."""
        return cls()

    def laxer_than(self, signed: Self) -> str:  # noqa: ARG002
        """Return how this gate is laxer than a signed one, as a phrase; empty when it is not."""
        return ""
