"""Atoms: changes to a set that must move together, and the atoms that each needs first. Found by proving.

A change needs another if the set does not hold without that: a program needs the library whose new symbol it imports, a
library that drops a soname needs the dependents that no longer need it. Changes that need each other, directly or not,
are one atom.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.names.mutual import mutual_groups

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from farm.core.sets.findings.problem import Problem
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.trial import TrialSet


@dataclass(frozen=True, slots=True)
class Atom:
    """Changes, by short name, that are never split. `needs` are the keys of the atoms that must come before."""

    names: tuple[str, ...]
    needs: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """The first of its names, by which other atoms refer to it."""
        return self.names[0]


def find_atoms(
    trial: TrialSet,
    changes: Mapping[str, Member | None],
    *,
    together: Iterable[Iterable[str]] = (),
    needs: Mapping[str, Iterable[str]] | None = None,
) -> tuple[Atom, ...]:
    """Return the atoms of these changes to the base of `trial`, each after the atoms that it needs, else by name.

    `together` are names that move together in any case: the outputs of one build, a declared transition. `needs` are
    further needs of a change that no proof shows, such as those of its tests. Leaves `trial` at its base. Two changes
    that hold alone but not together are two atoms: a search decides which one is held back.
    """
    unit_of = _united(changes, together)
    finder = _NeedFinder(trial, changes, unit_of)
    units = sorted(set(unit_of.values()))
    members: defaultdict[str, set[str]] = defaultdict(set)
    for name, unit in unit_of.items():
        members[unit].add(name)
    found = {unit: finder.needs_of(unit, members) for unit in units}
    for name, others in (needs or {}).items():
        if name in unit_of:
            found[unit_of[name]] |= {unit_of[other] for other in others if other in unit_of} - {unit_of[name]}
    trial.place({})
    components = mutual_groups({unit: sorted(found[unit]) for unit in units})
    return _ordered(list(map(sorted, components)), found, members)


class _NeedFinder:
    """Finds the units (groups of changes that move together) that a unit needs for the base to hold with it."""

    def __init__(self, trial: TrialSet, changes: Mapping[str, Member | None], unit_of: Mapping[str, str]) -> None:
        self._trial = trial
        self._changes = changes
        self._unit_of = unit_of
        self._providers: defaultdict[str, set[str]] = defaultdict(set)
        for name, member in changes.items():
            for capability in member.provides if member else ():
                self._providers[capability].add(unit_of[name])

    def needs_of(self, unit: str, members: Mapping[str, set[str]]) -> set[str]:
        """Add the units that solve problems of the set, until no problem is left that a change could solve."""
        inside = {unit}
        while True:
            solving = self._unprovided(inside, members) - inside
            if not solving:
                placed = {name: self._changes[name] for needed in inside for name in members[needed]}
                solving = {solver for problem in self._trial.problems_of(placed) for solver in self._solving(problem)}
                solving -= inside
            if not solving:
                return inside - {unit}
            inside |= solving

    def _unprovided(self, inside: Iterable[str], members: Mapping[str, set[str]]) -> set[str]:
        """Return the units that provide what units in `inside` require and the base lacks; this needs no proof."""
        wanted: set[str] = set()
        for name in (name for unit in inside for name in members[unit]):
            member = self._changes[name]
            for capability in member.requires if member else ():
                if not self._trial.provided_by_base(capability):
                    wanted |= self._providers.get(capability, set())
        return wanted

    def _solving(self, problem: Problem) -> set[str]:
        parties = {self._unit_of[name] for name in problem.packages if name in self._unit_of}
        requirement = getattr(problem, "requirement", "")
        return parties | self._providers.get(requirement, set())


def _united(changes: Iterable[str], together: Iterable[Iterable[str]]) -> dict[str, str]:
    """Return for each change the first name of the group that it is in."""
    unit_of = {name: name for name in changes}
    for group in together:
        inside = [name for name in group if name in unit_of]
        united = {unit_of[name] for name in inside}
        if len(united) > 1:
            first = min(united)
            unit_of = {name: first if unit in united else unit for name, unit in unit_of.items()}
    return unit_of


def _ordered(
    components: Sequence[Sequence[str]], needs: Mapping[str, set[str]], members: Mapping[str, set[str]]
) -> tuple[Atom, ...]:
    named = [
        (component, tuple(sorted(name for unit in component for name in members[unit]))) for component in components
    ]
    key_of = {unit: names[0] for component, names in named for unit in component}
    atoms = []
    for component, names in named:
        needed = {key_of[need] for unit in component for need in needs[unit]} - {names[0]}
        atoms.append(Atom(names, frozenset(needed)))
    return tuple(atoms)
