"""What every gate of a channel's policy has: its key, its settings, how they are read, and what it says."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  (the hints of a tuple are its fields)
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from farm.core.files.document import Node
from farm.core.files.fields import Fields
from farm.core.names.form import Form
from farm.core.policy.gate_kind import GateKind

if TYPE_CHECKING:
    from collections.abc import Set
    from typing import Self

    from farm.core.files.document import Document


class Objection(NamedTuple):
    """Why a gate does not let a package in or out: a clause without its full stop, and what would help.

    `until` is when time alone helps.
    """

    reason: str
    remedy: str
    until: datetime | None = None


class Gate(Form):
    """A gate that a channel's policy asks for, with its settings: `class TestsGate(Gate, kind=GateKind.TESTS)`.

    Gates of single packages have an `objection` to what a package is. The pipeline asks it by the database
    (`farm.server.pipeline.gates`), the checker again by what is signed (`farm.checker.gates`).
    """

    __slots__ = ()
    kind: ClassVar[GateKind]
    settings: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, *, kind: GateKind | None = None, outside: Set[str] = frozenset()) -> None:
        if kind is not None:
            cls.kind = kind
            super().__init_subclass__(record=f"gate {kind}", outside=outside, constants={"gate": kind})

    @classmethod
    def read(cls, document: Document, key: Node, settings: Node | None) -> Self | None:
        """Read the gate; problems are noted in the document, and None is returned for what cannot be one."""
        # A bare word has no settings; what is missing is reported where the word stands.
        empty = Node("mapping", key.line, key.column, key.length)
        return cls.of_fields(Fields(document, settings or empty, f"the gate {key.text}", known=cls.settings), key)

    @classmethod
    def of_fields(cls, fields: Fields, key: Node) -> Self:  # noqa: ARG003  (for those that have settings)
        """Return the gate with these settings; `key` is where the gate is named."""
        return cls()

    def laxer_than(self, signed: Self) -> str:  # noqa: ARG002
        """Return in which point this gate asks for less than a signed one, as a phrase; empty when in none."""
        return ""
