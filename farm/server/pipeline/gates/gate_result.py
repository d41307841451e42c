"""The interface of gates of single packages: their context, their results, and the packages that they hold back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, Self, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from farm.core.policy.gate_kind import GateKind
    from farm.core.policy.gates.gate import GateViolation
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.atoms import Atom
    from farm.core.sets.proof.trial import TrialSet
    from farm.server.channels.candidates import Candidate, Change
    from farm.server.channels.releases import ReleaseRecord
    from farm.server.tables.records import ImportedPackageRecord, Package
    from farm.server.transaction.unit_of_work import UnitOfWork

MovingPackage: TypeAlias = "Package | ImportedPackageRecord"
"""A package that a candidate adds or removes: an own one by its short name, an imported one by its full name."""


@dataclass(frozen=True, slots=True)
class PackageGateResult:
    """A gate's result for a package: `waiting` is cleared by time or by a person's signature, `failed` is not.

    `reason` is a sentence for people without its full stop, `remedy` what would clear it. `until` is when time alone
    clears it, and `job` is the job with the log. `under_way`: jobs of the farm work on it, and nobody has to act.
    """

    state: Literal["passed", "waiting", "failed"]
    reason: str = ""
    remedy: str = ""
    until: datetime | None = None
    job: int | None = None
    under_way: bool = False

    @classmethod
    def of(cls, violation: GateViolation) -> Self:
        """Return the result for a violation: `waiting` if time alone helps."""
        return cls("waiting" if violation.until else "failed", *violation)


class PackageGate(Protocol):
    """A gate that decides about single packages from rows. It may request rebuilds, and writes nothing else."""

    kind: GateKind

    def check(
        self, unit: UnitOfWork, channel: str, packages: Sequence[MovingPackage]
    ) -> Mapping[str, PackageGateResult]:
        """Return the results of the packages that a candidate adds, by name; a package without a result has passed."""


@runtime_checkable
class RemovalGate(Protocol):
    """A gate that also decides about packages that a candidate removes."""

    def check_removal(
        self, unit: UnitOfWork, channel: str, packages: Sequence[MovingPackage]
    ) -> Mapping[str, PackageGateResult]:
        """Return the results of the packages that a candidate removes, by name; a package without a result may go."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A package that a gate does not admit (yet), and the gate's result."""

    package: str
    gate: GateKind
    result: PackageGateResult


@dataclass(frozen=True, slots=True)
class CandidateContext:
    """A candidate with all that its gates read. `packages` are the own packages that it adds, by name.

    `leaving` are those that it removes.
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
    removals: Sequence[MovingPackage] = (),
) -> dict[str, HeldBack]:
    """Return the packages that gates hold back, by name, each with the first such gate of the policy."""
    found: dict[str, HeldBack] = {}
    for gate in gates:
        coming = [package for package in arrivals if package.name not in found]
        going = [package for package in removals if package.name not in found]
        results = dict(gate.check(unit, channel, coming)) if coming else {}
        if going and isinstance(gate, RemovalGate):
            results |= gate.check_removal(unit, channel, going)
        for name, result in results.items():
            if result.state != "passed":
                found[name] = HeldBack(name, gate.kind, result)
    return found


def moving_along(atoms: Sequence[Atom], named: Collection[str]) -> set[str]:
    """Return the other packages that must move with these: those of their atoms, and of all atoms that these need."""
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

    An atom stays back with any of its packages, and with any atom that it needs. `atoms` are in dependency order.
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
