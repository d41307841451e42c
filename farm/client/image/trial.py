"""Trying a change of a set: the proof for the change and its dependents and, where that fails, the further changes that
make it hold. Pure: the caller passes the function that fetches newer builds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.sets.linking.private_libraries import private_users
from farm.core.sets.proof.closure import OpenSetError, closure
from farm.core.sets.proof.prover import Prover

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from farm.core.sets.findings.problem import Problem
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.proof import ProofScope

_MOST_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of a tried change: the new set, the new problems, and the dependents of the change.

    `checked` counts the members that were proven again, `gone` are members that nothing needs any more. `scope` is the
    scope of the proof of the whole set.
    """

    members: Mapping[str, Member]
    problems: tuple[Problem, ...]
    dependents: tuple[str, ...]
    checked: int
    gone: tuple[str, ...]
    scope: ProofScope


def try_change(base: Iterable[Member], changes: Iterable[Member], asked: Iterable[str]) -> Trial:
    """Prove `base` with `changes` in place of the members of their names; `asked` are the names that were requested."""
    members = {member.name: member for member in base}
    prover = Prover(members.values())
    known = set(prover.proof.problems)
    new = {member.name: member for member in changes}
    prover.change(add=new.values())
    proof, checked = prover.proof, prover.checked
    problems = tuple(problem for problem in proof.problems if problem not in known)
    roots = [name for name in asked if name in prover.members]
    gone = _unneeded(prover, roots, set(members)) if roots and not problems else ()
    provided = {capability for member in new.values() for capability in member.provides}
    users = set().union(
        *map(prover.capabilities.requirers, provided),
        *(private_users(prover.members, prover.capabilities, name) for name in new),
    )
    dependents = users - new.keys() - set(gone)
    left = {name: member for name, member in prover.members.items() if name not in gone}
    return Trial(left, problems, tuple(sorted(dependents)), checked, gone, proof.scope)


def nearest_set(
    base: Iterable[Member],
    changes: Iterable[Member],
    asked: Iterable[str],
    newer: Callable[[str], Iterable[Member]],
) -> tuple[str, ...] | None:
    """Return a minimal set of further members that have to change for a change to hold; None where none is found.

    `newer` returns the newest release's build of a member, with its additional needs; empty where there is no other
    build. Members involved in a problem are tried, round after round; then those that are not necessary are left out.
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
        without = {other: members for other, members in needed.items() if other != name}
        if not try_change(base, _with(given, without), asked).problems:
            needed = without
    return tuple(sorted(needed))


def _with(given: Mapping[str, Member], tried: Mapping[str, tuple[Member, ...]]) -> list[Member]:
    further = {member.name: member for members in tried.values() for member in members}
    return list({**further, **given}.values())


def _unneeded(prover: Prover, roots: list[str], old: set[str]) -> tuple[str, ...]:
    """Return the members of the old set that no requested member needs."""
    try:
        needed = {member.name for member in closure(prover, roots)}
    except OpenSetError:
        return ()  # an image whose set was not closed before: nothing is removed from it
    return tuple(sorted(old - needed))
