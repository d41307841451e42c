"""What the gates of the tree's channels would say of packages that were built here, where they judge these alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from farm.build.local.outcomes import member_of
from farm.core.package.facts import PackageFacts
from farm.core.package.hardening import hardening_findings, producers_by_build_id
from farm.core.policy.gate_kind import gate_key
from farm.core.policy.gates.hardening import HardeningGate
from farm.core.policy.gates.host import HostGate
from farm.core.policy.gates.licenses import LicensesGate
from farm.core.policy.gates.set_gates import ProofGate
from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.closure import OpenSetError
from farm.core.sets.proof.prover import prove

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.build.local.outcomes import Outcomes
    from farm.core.policy.channel import ChannelPolicy
    from farm.core.policy.gates.gate import Gate
    from farm.core.recipe.recipe import Recipe
    from farm.store.blobs import BlobStore


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
    """Judge the packages of a recipe, whose outcome is known.

    The proof is that of its main package with what that needs to run, as far as that is known too.
    """
    asked: dict[Gate, list[str]] = {}
    for policy in policies:
        for gate in policy.gates:
            asked.setdefault(gate, []).append(policy.name)
    judged, at_farm, violations = set[str](), set[str](), list[LocalViolation]()
    for gate, channels in asked.items():
        found = _violations(gate, recipe, outcomes, store)
        (at_farm if found is None else judged).add(gate_key(gate.kind))
        violations += (LocalViolation(gate_key(gate.kind), tuple(channels), *violation) for violation in found or ())
    return GateVerdicts(tuple(sorted(judged)), tuple(sorted(at_farm - judged)), tuple(violations))


_Violations: TypeAlias = "list[tuple[str, str, str]]"
"""Packages that a gate would hold back: name, reason and remedy."""


def _violations(gate: Gate, recipe: Recipe, outcomes: Outcomes, store: BlobStore) -> _Violations | None:
    """Return which packages a gate would hold back; None if that cannot be judged here."""
    if isinstance(gate, ProofGate):
        return _unproven(recipe, outcomes, store)
    packages = outcomes[recipe.name]
    facts = [PackageFacts.from_json(store.read(package.facts.digest)) for package in packages]
    producers = producers_by_build_id(facts)
    found = []
    for package, known in zip(packages, facts, strict=True):
        match gate:
            case HardeningGate():
                violation = gate.violation(hardening_findings(known, producers, recipe.waivers))
            case HostGate():
                violation = gate.violation(package.descriptor.host)
            case LicensesGate():
                violation = gate.violation(package.descriptor.license)
            case _:
                return None
        if violation:
            found.append((package.descriptor.name.short, violation.reason, violation.remedy))
    return found


def _unproven(recipe: Recipe, outcomes: Outcomes, store: BlobStore) -> _Violations | None:
    try:
        closure = outcomes.closure([recipe.name])
    except OpenSetError:
        return None  # something that it needs to run was not built for its tests
    problems = prove(PackageSet.of(member_of(store, package) for package in closure)).problems
    return [(next(iter(problem.packages), recipe.name), problem.message, "") for problem in problems]
