"""What the gates of the tree's channels would say of packages that were built here, where they judge these alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.build.local.outcomes import member_of
from farm.core.package.facts import PackageFacts
from farm.core.package.hardening import hardening_findings, producers_by_build_id
from farm.core.policy.gate_kind import gate_key
from farm.core.policy.gates.hardening import HardeningGate
from farm.core.policy.gates.host import HostGate
from farm.core.policy.gates.licenses import LicensesGate
from farm.core.policy.gates.set_gates import ProofGate
from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.prover import prove

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from farm.build.local.outcomes import Outcomes
    from farm.core.plan.job import BuiltPackage
    from farm.core.policy.channel import ChannelPolicy
    from farm.core.policy.gates.gate import Gate
    from farm.core.recipe.recipe import Recipe
    from farm.store.blobs import BlobStore

_JUDGED = (HardeningGate, HostGate, LicensesGate, ProofGate)


@dataclass(frozen=True, slots=True)
class LocalViolation:
    """A gate that would hold a package back from channels: its key in policies, why, and what to do."""

    gate: str
    channels: tuple[str, ...]
    package: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class GateVerdicts:
    """The keys of the gates that were judged here, those that only a farm can judge, and what was found."""

    judged: tuple[str, ...]
    at_farm: tuple[str, ...]
    violations: tuple[LocalViolation, ...]


def judge_gates(
    recipe: Recipe, outcomes: Outcomes, policies: Iterable[ChannelPolicy], store: BlobStore
) -> GateVerdicts:
    """Judge the packages of a recipe, whose outcome is known, as is that of all that its main package needs to run.

    The proof is that of the main package with what it needs. Raises `OpenSetError`.
    """
    packages = outcomes[recipe.name]
    found: dict[tuple[str, str, str, str], list[str]] = {}
    kinds: dict[bool, set[str]] = {True: set(), False: set()}
    for policy in policies:
        for gate in policy.gates:
            kinds[isinstance(gate, _JUDGED)].add(gate_key(gate.kind))
            for package, reason, remedy in _violations(gate, recipe, packages, outcomes, store):
                found.setdefault((gate_key(gate.kind), package, reason, remedy), []).append(policy.name)
    violations = tuple(
        LocalViolation(gate, tuple(channels), package, reason, remedy)
        for (gate, package, reason, remedy), channels in found.items()
    )
    return GateVerdicts(tuple(sorted(kinds[True])), tuple(sorted(kinds[False])), violations)


def _violations(
    gate: Gate, recipe: Recipe, packages: Sequence[BuiltPackage], outcomes: Outcomes, store: BlobStore
) -> Iterator[tuple[str, str, str]]:
    """Yield the packages that a gate would hold back: name, reason and remedy."""
    if isinstance(gate, ProofGate):
        members = [member_of(store, package) for package in outcomes.closure([recipe.name])]
        for problem in prove(PackageSet.of(members)).problems:
            yield next(iter(problem.packages), recipe.name), problem.message, ""
        return
    facts = [PackageFacts.from_json(store.read(package.facts.digest)) for package in packages]
    producers = producers_by_build_id(facts)
    for package, known in zip(packages, facts, strict=True):
        violation = None
        if isinstance(gate, HardeningGate):
            violation = gate.violation(hardening_findings(known, producers, recipe.waivers))
        elif isinstance(gate, HostGate):
            violation = gate.violation(package.descriptor.host)
        elif isinstance(gate, LicensesGate):
            violation = gate.violation(package.descriptor.license)
        if violation:
            yield package.descriptor.name.short, violation.reason, violation.remedy
