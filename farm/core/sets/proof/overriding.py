"""What packages that stand in for others do to a set: who depends on them, and what the proof says because of them.

Nothing here decides whether that is acceptable. Pure; opens no archive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.sets.findings.problem import PathConflict, UnmetRequirement
from farm.core.sets.linking.private_libraries import private_users
from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.prover import prove

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.core.sets.findings.problem import Problem
    from farm.core.sets.members.member import Member


@dataclass(frozen=True, slots=True)
class Effect:
    """What one stand-in does: members that need it, directly or not, and problems that are there because of it."""

    dependents: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def conflicts(self) -> tuple[Problem, ...]:
        """The problems with which no root can be made at all, whoever accepts them."""
        return tuple(problem for problem in self.problems if isinstance(problem, PathConflict))


def effects(members: Iterable[Member], substitutes: Mapping[str, Member | None]) -> Mapping[str, Effect]:
    """Return what each stand-in does to a set that has them in already.

    `substitutes` maps the name of each to the member in whose place it stands, None where that is unknown by now. The
    set must hold without them: then what is wrong with it is because of them, and a problem in which none has a part
    that can be seen counts for each.
    """
    whole = PackageSet.of(members)
    dependents = {name: dependents_of(whole, name, instead_of) for name, instead_of in substitutes.items()}
    problems: dict[str, list[Problem]] = {name: [] for name in substitutes}
    for problem in prove(whole).problems:
        for name in blamed(problem, whole, substitutes) or substitutes:
            problems[name].append(problem)
    return {name: Effect(dependents[name], tuple(problems[name])) for name in substitutes}


def blamed(problem: Problem, whole: PackageSet, substitutes: Mapping[str, Member | None]) -> tuple[str, ...]:
    """Return the stand-ins that a problem is about: those it names, or whose predecessors provided what is missing."""
    named = tuple(name for name in substitutes if whole.members[name].label in problem.labels)
    if named or not isinstance(problem, UnmetRequirement):
        return named
    return tuple(
        name for name, instead_of in substitutes.items() if instead_of and problem.requirement in instead_of.provides
    )


def dependents_of(whole: PackageSet, name: str, instead_of: Member | None = None) -> tuple[str, ...]:
    """Return the members that need a member, or the one in whose place it stands, directly or through others."""
    found: set[str] = set()
    waiting = [whole.members[name]] + ([instead_of] if instead_of else [])
    while waiting:
        member = waiting.pop()
        for capability in member.provides:
            # Where somebody else provides it too, users of that one do not need this one.
            providers = whole.capabilities.providers(capability)
            if providers and member.name not in providers and member is not instead_of:
                continue
            for user in whole.capabilities.requirers(capability) - found - {name}:
                if capability not in whole.members[user].provides:
                    found.add(user)
                    waiting.append(whole.members[user])
        if member is not instead_of:
            users = private_users(whole.members, whole.capabilities, member.name) - found - {name}
            found |= users
            waiting += (whole.members[user] for user in users)
    return tuple(sorted(found))
