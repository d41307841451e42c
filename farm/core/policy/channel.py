"""A channel's policy: its source of packages, the gates that a candidate must pass, what is rebuilt, and when."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from farm.core.files.duration import duration, duration_text
from farm.core.names.form import Form, TextForm
from farm.core.policy.gate_kind import GateKind
from farm.core.policy.gates.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

Rebuild: TypeAlias = Literal["static-consumers", "interface-changed", "always"]


@dataclass(frozen=True, slots=True)
class Transition(Form, record="transition"):
    """Packages that a curator declared to move together: a release adds all of them to a channel, or none."""

    name: str
    packages: tuple[str, ...]


def parted(
    transitions: Iterable[Transition], moving: Collection[str]
) -> Mapping[str, Sequence[tuple[Transition, str]]]:
    """Return the moving packages that may not move, each with the packages of its transitions that stay."""
    found: defaultdict[str, list[tuple[Transition, str]]] = defaultdict(list)
    for transition in transitions:
        staying = [name for name in transition.packages if name not in moving]
        for name in transition.packages:
            if name in moving:
                found[name] += [(transition, other) for other in staying]
    return {name: others for name, others in found.items() if others}


_CADENCE = TextForm(
    lambda text: duration(text) if text else None, lambda cadence: duration_text(cadence) if cadence else ""
)


@dataclass(frozen=True, slots=True)
class ChannelPolicy(Form, record="policy of a channel", keys={"from_channel": "from"}):
    """`recipes/channels/<name>.yaml`; its form records which one was in force, and is never read back.

    `from_channel` is empty for a channel that takes fresh builds. `rebuild` selects the dependents of a changed
    package that are built again. `role` is the TUF role that signs its releases: the channel's own name, or empty
    for that. With a `cadence` the channel makes at most one release in that time.
    """

    name: str
    gates: tuple[Gate, ...]
    from_channel: str = ""
    rebuild: Rebuild = "static-consumers"
    role: str = ""
    cadence: Annotated[timedelta | None, _CADENCE] = None
    transitions: tuple[Transition, ...] = ()

    @property
    def reads_recipes(self) -> bool:
        """Whether a gate depends on the recipe that a release names for tests: on these, or on its waivers."""
        return any(gate.kind in (GateKind.TESTS, GateKind.HARDENING) for gate in self.gates)
