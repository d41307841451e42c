"""What gates of single packages are asked, and what they answer: results, and the packages that these hold back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, Self, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from farm.core.policy.gate_kind import GateKind
    from farm.core.policy.gates.gate import Objection
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.atoms import Atom
    from farm.core.sets.proof.trial import TrialSet
    from farm.server.channels.candidates import Candidate, Change
    from farm.server.channels.releases import ReleaseRecord
    from farm.server.tables.records import ImportedPackage, Package
    from farm.server.transaction.unit_of_work import UnitOfWork

MovingPackage: TypeAlias = "Package | ImportedPackage"
"""A package that a candidate puts in or takes out: an own one by its short name, an imported one by its full name."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """The answer of a gate about a package: `waiting` passes by itself or by somebody's signature, `failed` does not.

    `reason` is a sentence for people without its full stop, `remedy` what would clear it; `until` is when time alone
    does, and `job` where the log is. `under_way`: jobs of the farm see to it, nobody has to do anything.
    """

    state: Literal["passed", "waiting", "failed"]
    reason: str = ""
    remedy: str = ""
    until: datetime | None = None
    job: int | None = None
    under_way: bool = False

    @classmethod
    def of(cls, objection: Objection) -> Self:
        """Return the result of an objection, which waits where time alone helps."""
        return cls("waiting" if objection.until else "failed", *objection)


class PackageGate(Protocol):
    """A gate that decides about single packages, from rows; it may request rebuilds, and writes nothing else."""

    kind: GateKind

    def check(self, unit: UnitOfWork, channel: str, packages: Sequence[MovingPackage]) -> Mapping[str, GateResult]:
        """Return the result of each package that a candidate puts in, by name; those that are missing have passed."""


@runtime_checkable
class RemovalGate(Protocol):
    """A gate that is also asked about packages that a candidate takes out."""

    def check_removal(
        self, unit: UnitOfWork, channel: str, packages: Sequence[MovingPackage]
    ) -> Mapping[str, GateResult]:
        """Return the result of each package that a candidate takes out, by name; those that are missing may go."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A package that a gate does not let in (yet), and what the gate says."""

    package: str
    gate: GateKind
    result: GateResult


@dataclass(frozen=True, slots=True)
class CandidateContext:
    """A candidate with all that its gates look at. Own packages that it puts in are `packages`, by name.

    Those that it takes out are `leaving`.
    """

    candidate: Candidate
    base: ReleaseRecord | None
    changes: Sequence[Change]
    members: Mapping[str, Member | None]
    packages: Mapping[str, Package]
    leaving: Mapping[str, Package]
    trial: TrialSet


def held_back(
    unit: UnitOfWork,
    channel: str,
    gates: Sequence[PackageGate],
    arrivals: Sequence[MovingPackage],
    departures: Sequence[MovingPackage] = (),
) -> dict[str, HeldBack]:
    """Return what a gate holds back of what comes and goes, by name, with the first such gate of the policy."""
    found: dict[str, HeldBack] = {}
    for gate in gates:
        coming = [package for package in arrivals if package.name not in found]
        going = [package for package in departures if package.name not in found]
        results = dict(gate.check(unit, channel, coming)) if coming else {}
        if going and isinstance(gate, RemovalGate):
            results |= gate.check_removal(unit, channel, going)
        for name, result in results.items():
            if result.state != "passed":
                found[name] = HeldBack(name, gate.kind, result)
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
