"""What the gates of single packages hold back from a candidate before it is proven and tested as a set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.server.pipeline.gates.gate_result import PASSED, RemovalGate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from farm.core.policy.gate_kind import GateKind
    from farm.core.sets.proof.atoms import Atom
    from farm.server.pipeline.gates.gate_result import Arrival, GateResult, PackageGate
    from farm.server.transaction.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A package that a gate does not let in (yet), and what the gate says."""

    package: str
    gate: GateKind
    standing: GateResult


def held_back(
    unit: UnitOfWork,
    channel: str,
    gates: Sequence[PackageGate],
    arrivals: Sequence[Arrival],
    departures: Sequence[Arrival] = (),
) -> dict[str, HeldBack]:
    """Return what a gate holds back of what comes and goes, by name, each with the first such gate of the policy."""
    found: dict[str, HeldBack] = {}
    for gate in gates:
        coming = [arrival for arrival in arrivals if arrival.name not in found]
        going = [departure for departure in departures if departure.name not in found]
        standings = dict(gate.standings(unit, channel, coming)) if coming else {}
        if going and isinstance(gate, RemovalGate):
            standings |= gate.departing(unit, channel, going)
        for name, standing in standings.items():
            if standing.state != PASSED.state:
                found[name] = HeldBack(name, gate.kind, standing)
    return found


def moving_along(atoms: Sequence[Atom], named: Collection[str]) -> set[str]:
    """Return which other packages must move for these to move: those of their atoms, and of all that these need."""
    by_key = {atom.key: atom for atom in atoms}
    wanted = [atom.key for atom in atoms if not set(named).isdisjoint(atom.names)]
    moving: set[str] = set()
    while wanted:
        key = wanted.pop()
        if key not in moving:
            moving.add(key)
            wanted += [need for need in by_key[key].needs if need in by_key]
    return {name for key in moving for name in by_key[key].names} - set(named)


def atoms_held_back(atoms: Iterable[Atom], held: Iterable[str]) -> Mapping[str, str]:
    """Return the keys of the atoms that stay back when these packages do, each with the package that is to blame.

    An atom stays back with any of its packages, and with any atom that it needs. `atoms` stand in their order.
    """
    blamed: dict[str, str] = {}
    names = set(held)
    for atom in atoms:
        own = [name for name in atom.names if name in names]
        needed = sorted(need for need in atom.needs if need in blamed)
        if own:
            blamed[atom.key] = own[0]
        elif needed:
            blamed[atom.key] = blamed[needed[0]]
    return blamed
