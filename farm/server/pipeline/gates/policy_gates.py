"""The gates of single packages that a channel's policy requires, as the pipeline asks them: from rows and packages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from farm.core.names.version import Version
from farm.core.policy.gate_kind import GateKind
from farm.core.policy.gates.advisories import AdvisoriesGate
from farm.core.policy.gates.approvals import ApprovalsGate
from farm.core.policy.gates.hardening import HardeningGate
from farm.core.policy.gates.host import HostGate
from farm.core.policy.gates.licenses import LicensesGate
from farm.core.policy.gates.reproduced import ReproducedGate
from farm.core.policy.gates.soak import SoakGate
from farm.server.advisories.advisory_intake import known_about
from farm.server.curation import approvals
from farm.server.curation.approving import counts
from farm.server.jobs.hardening import hardening_of
from farm.server.pipeline.gates.gate_result import PackageGateResult
from farm.server.pipeline.gates.reproduced import Reproduced
from farm.server.pipeline.gates.soak import Soak
from farm.server.pipeline.gates.standing_gates import Holds
from farm.server.tables.records import ImportedPackageRecord, Package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from farm.core.policy.channel import ChannelPolicy
    from farm.core.policy.gates.gate import Gate, GateViolation
    from farm.server.pipeline.gates.gate_result import MovingPackage, PackageGate
    from farm.server.transaction.unit_of_work import UnitOfWork

    _Violations: TypeAlias = Iterable[tuple[str, GateViolation | None]]


def package_gates(policy: ChannelPolicy, curators: Mapping[str, Mapping[str, str]]) -> tuple[PackageGate, ...]:
    """Return the gates of single packages of a channel. Holds are asked first, in any order of the policy.

    `curators` are public keys (64 hexadecimal digits) by name, by group. Proof and tests decide about sets: not here.
    """
    asked = (package_gate(gate, from_channel=policy.from_channel, curators=curators) for gate in policy.gates)
    return (Holds(), *(gate for gate in asked if gate is not None))


def package_gate(
    gate: Gate, *, from_channel: str = "", curators: Mapping[str, Mapping[str, str]] = MappingProxyType({})
) -> PackageGate | None:
    """Return the pipeline's form of a policy's gate of single packages; None for a gate of sets."""
    asked: PackageGate | None = None
    match gate:
        case ReproducedGate():
            asked = Reproduced(gate)
        case SoakGate():
            asked = Soak(gate, from_channel)
        case ApprovalsGate():
            asked = Approvals(gate, curators.get(gate.of, {}))
        case LicensesGate():
            asked = PropertyGate(gate.kind, partial(_of_licenses, gate))
        case AdvisoriesGate():
            asked = PropertyGate(gate.kind, partial(_of_advisories, gate))
        case HostGate():
            asked = PropertyGate(gate.kind, partial(_of_host_needs, gate))
        case HardeningGate():
            asked = PropertyGate(gate.kind, partial(_of_hardening, gate))
    return asked


@dataclass
class PropertyGate:
    """A gate that objects to a property of a package: its license, advisories, requirements, or build."""

    kind: GateKind
    ask: Callable[[UnitOfWork, Sequence[MovingPackage]], _Violations]

    def check(
        self,
        unit: UnitOfWork,
        channel: str,  # noqa: ARG002
        packages: Sequence[MovingPackage],
    ) -> Mapping[str, PackageGateResult]:
        """Return the results of those that the gate objects to."""
        return {name: PackageGateResult.of(violation) for name, violation in self.ask(unit, packages) if violation}


def _of_licenses(gate: LicensesGate, unit: UnitOfWork, packages: Sequence[MovingPackage]) -> _Violations:
    for package in packages:
        known = package if isinstance(package, Package) else unit.packages.member(package).descriptor
        yield package.name, gate.violation(known.license)


def _of_host_needs(gate: HostGate, unit: UnitOfWork, packages: Sequence[MovingPackage]) -> _Violations:
    return ((package.name, gate.violation(unit.packages.member(package).descriptor.host)) for package in packages)


def _of_hardening(gate: HardeningGate, unit: UnitOfWork, packages: Sequence[MovingPackage]) -> _Violations:
    """Imported packages are left to their distribution: what their recipes waive is not known here."""
    own = [package for package in packages if not isinstance(package, ImportedPackageRecord)]
    return ((package.name, gate.violation(hardening_of(unit, package))) for package in own)


def _of_advisories(gate: AdvisoriesGate, unit: UnitOfWork, packages: Sequence[MovingPackage]) -> _Violations:
    advisories, statements = known_about(unit, (package.name for package in packages))
    versions = ((package.name, Version(package.version), package.revision) for package in packages)
    return gate.violations(advisories, statements, versions)


@dataclass(frozen=True)
class Approvals:
    """Enough people of a group have signed for exactly this package on this channel, each with a current key.

    `keys` are the group's public keys (64 hexadecimal digits) by name.
    """

    kind = GateKind.APPROVALS
    gate: ApprovalsGate
    keys: Mapping[str, str]

    def check(
        self, unit: UnitOfWork, channel: str, packages: Sequence[MovingPackage]
    ) -> Mapping[str, PackageGateResult]:
        """Return the results of packages that wait for signatures. Signatures by an earlier key do not count."""
        return dict(self._waiting(unit, channel, packages, removed=False))

    def check_removal(
        self, unit: UnitOfWork, channel: str, packages: Sequence[MovingPackage]
    ) -> Mapping[str, PackageGateResult]:
        """Return the results of packages whose removal too few people have signed."""
        return dict(self._waiting(unit, channel, packages, removed=True))

    def _waiting(
        self, unit: UnitOfWork, channel: str, packages: Sequence[MovingPackage], *, removed: bool
    ) -> Iterator[tuple[str, PackageGateResult]]:
        signed = approvals.approvals_of(unit.session, channel, (package.digest for package in packages))
        for package in packages:
            given = signed.get(package.digest, ())
            valid = {approval.curator for approval in given if counts(unit, approval, self.keys, removed=removed)}
            if lacking := self.gate.lacking(valid, removed=removed):
                others = sorted(self.keys.keys() - valid)
                who = (
                    f"one of {', '.join(others)}"
                    if len(others) > 1
                    else "".join(others) or f"somebody in {self.gate.of}"
                )
                remedy = f"Let {who} sign: `farm approve {channel} {package.name}`."
                yield package.name, PackageGateResult("waiting", lacking, remedy)
