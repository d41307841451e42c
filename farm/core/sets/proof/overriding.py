"""What overrides do to a set: which members depend on them, and which problems a proof finds because of them.

Nothing here decides whether that is acceptable. Pure; opens no archive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.names.reachable import reachable
from farm.core.sets.findings.problem import PathConflict, UnmetRequirement
from farm.core.sets.linking.private_libraries import private_users
from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.prover import prove

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from farm.core.sets.findings.problem import Problem
    from farm.core.sets.members.member import Member


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect of one override: the members that need it, directly or not, and the problems that it causes."""

    dependents: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def conflicts(self) -> tuple[Problem, ...]:
        """The problems with which no root can be made, even if they are accepted."""
        return tuple(problem for problem in self.problems if isinstance(problem, PathConflict))


def effects(members: Iterable[Member], substitutes: Mapping[str, Member | None]) -> Mapping[str, Effect]:
    """Return the effect of each override on a set that holds them already, by name.

    `substitutes` maps the name of each to the member that it replaces, None where that is no longer known. The set must
    hold without them: then they cause all its problems, and a problem that names none of them counts for each.
    """
    whole = PackageSet.of(members)
    dependents = {name: dependents_of(whole, name, instead_of) for name, instead_of in substitutes.items()}
    problems: dict[str, list[Problem]] = {name: [] for name in substitutes}
    for problem in prove(whole).problems:
        for name in blamed(problem, whole, substitutes) or substitutes:
            problems[name].append(problem)
    return {name: Effect(dependents[name], tuple(problems[name])) for name in substitutes}


def blamed(problem: Problem, whole: PackageSet, substitutes: Mapping[str, Member | None]) -> tuple[str, ...]:
    """Return the overrides that a problem is about: those it names, or that replace a provider of what is missing."""
    named = tuple(name for name in substitutes if whole.members[name].label in problem.labels)
    if named or not isinstance(problem, UnmetRequirement):
        return named
    return tuple(
        name for name, instead_of in substitutes.items() if instead_of and problem.requirement in instead_of.provides
    )


def dependents_of(whole: PackageSet, name: str, instead_of: Member | None = None) -> tuple[str, ...]:
    """Return the members that need a member, or the one that it replaces, directly or through others."""

    def users(of: str) -> Iterator[str]:
        if of == name and instead_of:
            yield from _requirers(whole, instead_of.provides)
        # Where another member serves a capability, its users do not need this one.
        providers = {capability: whole.capabilities.providers(capability) for capability in whole.members[of].provides}
        yield from _requirers(whole, (name for name, serving in providers.items() if of in serving or not serving))
        yield from private_users(whole.members, whole.capabilities, of)

    return tuple(sorted(set(reachable([name], users)) - {name}))


def _requirers(whole: PackageSet, capabilities: Iterable[str]) -> Iterator[str]:
    """Yield the members that require one of these capabilities and do not provide it themselves."""
    for capability in capabilities:
        for user in whole.capabilities.requirers(capability):
            if capability not in whole.members[user].provides:
                yield user
