"""Trying a change of a set: the proof for what changes and what depends on it, and where that fails, what else has to
change for it to hold. Decides over values; what fetches newer builds is handed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.sets.linking.private_libraries import private_users
from farm.core.sets.proof.closure import OpenSetError, closure
from farm.core.sets.proof.prover import Prover, prove_change

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from farm.core.sets.findings.problem import Problem
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.proof import ProofScope

_MOST_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Trial:
    """A change that was tried: the set then, what is wrong with it that was not before, what depends on the change.

    `checked` counts the members that were proven anew, `gone` are members that nothing needs any more. `scope` is what
    the proof of the whole has looked at.
    """

    members: Mapping[str, Member]
    problems: tuple[Problem, ...]
    dependents: tuple[str, ...]
    checked: int
    gone: tuple[str, ...]
    scope: ProofScope


def try_change(base: Iterable[Member], changes: Iterable[Member], asked: Iterable[str]) -> Trial:
    """Prove `base` with `changes` in place of builds of their names; `asked` are what all else is there for."""
    members = {member.name: member for member in base}
    prover = Prover(members.values())
    known = set(prover.proof.problems)
    new = {member.name: member for member in changes}
    proof = prove_change(prover, add=new.values())
    checked = prover.checked
    problems = tuple(problem for problem in proof.problems if problem not in known)
    roots = [name for name in asked if name in prover.members]
    gone: tuple[str, ...] = ()
    if not problems and roots:
        gone = _unneeded(prover, roots, set(members))
    users = {
        user for name in new for capability in new[name].provides for user in prover.capabilities.requirers(capability)
    }
    users |= {user for name in new for user in private_users(prover.members, prover.capabilities, name)}
    dependents = users - new.keys() - set(gone)
    left = {name: member for name, member in prover.members.items() if name not in gone}
    return Trial(left, problems, tuple(sorted(dependents)), checked, gone, proof.scope)


def nearest_set(
    base: Iterable[Member],
    changes: Iterable[Member],
    asked: Iterable[str],
    newer: Callable[[str], Iterable[Member]],
) -> tuple[str, ...] | None:
    """Return which further members have to change for a change to hold, as few as can be left; None where none do.

    `newer` gives what the newest release has in place of a member, with what that needs more; nothing where there is
    nothing else. Members with a part in a problem are tried, round after round, then those left out that need not be.
    """
    base, asked = list(base), list(asked)
    given = {member.name: member for member in changes}
    tried: dict[str, tuple[Member, ...]] = {}
    for _ in range(_MOST_ROUNDS):
        trial = try_change(base, _with(given, tried), asked)
        if not trial.problems:
            return _fewest(base, given, tried, asked)
        involved = sorted(
            {name for problem in trial.problems for name in problem.packages} - given.keys() - tried.keys()
        )
        fresh = {name: tuple(newer(name)) for name in involved}
        if not any(fresh.values()):
            return None
        tried.update(fresh)
    return None


def _fewest(
    base: list[Member], given: Mapping[str, Member], tried: dict[str, tuple[Member, ...]], asked: list[str]
) -> tuple[str, ...]:
    needed = {name: members for name, members in tried.items() if members}
    for name in sorted(needed):
        without = {each: members for each, members in needed.items() if each != name}
        if not try_change(base, _with(given, without), asked).problems:
            needed = without
    return tuple(sorted(needed))


def _with(given: Mapping[str, Member], tried: Mapping[str, tuple[Member, ...]]) -> list[Member]:
    further = {member.name: member for members in tried.values() for member in members}
    return list({**further, **given}.values())


def _unneeded(prover: Prover, roots: list[str], old: set[str]) -> tuple[str, ...]:
    """Return the members that nothing asked for needs, which were there before."""
    try:
        needed = {member.name for member in closure(prover, roots)}
    except OpenSetError:
        return ()  # an image whose set was open before: nothing is taken out of it
    return tuple(sorted(old - needed))
