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
from farm.core.sets.findings.remedy import remedy_of
from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.closure import OpenSetError
from farm.core.sets.proof.prover import prove

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
    """The keys of the gates that were judged here, those that only a farm can judge, and what was found.

    `unproven` are packages that the gate `proof` was judged without: only a farm has what they need to run.
    """

    judged: tuple[str, ...]
    at_farm: tuple[str, ...]
    violations: tuple[LocalViolation, ...]
    unproven: tuple[str, ...] = ()


def judge_gates(
    recipe: Recipe, outcomes: Outcomes, policies: Iterable[ChannelPolicy], store: BlobStore
) -> GateVerdicts:
    """Judge the packages of a recipe, whose outcome is known.

    The proof is that of each of them with what it needs to run, as far as that is known too.
    """
    asked: dict[Gate, list[str]] = {}
    for policy in policies:
        for gate in policy.gates:
            asked.setdefault(gate, []).append(policy.name)
    judged, at_farm, violations = set[str](), set[str](), list[LocalViolation]()
    provable, unproven = _provable(recipe, outcomes) if ProofGate() in asked else ([], [])
    for gate, channels in asked.items():
        if isinstance(gate, ProofGate):
            found = _unmet(provable, outcomes, store) if provable else None
        else:
            found = _violations(gate, recipe, outcomes, store)
        (at_farm if found is None else judged).add(gate_key(gate.kind))
        violations += (LocalViolation(gate_key(gate.kind), tuple(channels), *violation) for violation in found or ())
    return GateVerdicts(
        judged=tuple(sorted(judged)),
        at_farm=tuple(sorted(at_farm - judged)),
        violations=tuple(violations),
        unproven=tuple(unproven) if provable else (),
    )


_Violations: TypeAlias = "list[tuple[str, str, str]]"
"""Packages that a gate would hold back: name, reason and remedy."""


def _violations(gate: Gate, recipe: Recipe, outcomes: Outcomes, store: BlobStore) -> _Violations | None:
    """Return which packages a gate would hold back; None if that cannot be judged here."""
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


def _provable(recipe: Recipe, outcomes: Outcomes) -> tuple[list[str], list[str]]:
    """Return which packages of a recipe are here with all that they need to run, and which are not."""
    provable, others = [], []
    for package in outcomes[recipe.name]:
        name = package.descriptor.name.short
        try:
            outcomes.closure([name])
        except OpenSetError:
            others.append(name)  # something that it needs to run was not built for its tests
        else:
            provable.append(name)
    return provable, others


def _unmet(names: Sequence[str], outcomes: Outcomes, store: BlobStore) -> _Violations:
    """Prove packages together with what they need to run."""
    problems = prove(PackageSet.of(member_of(store, package) for package in outcomes.closure(names))).problems
    return [(next(iter(problem.packages), names[0]), problem.message, remedy_of(problem)) for problem in problems]
