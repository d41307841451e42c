"""Atoms: changes to a set that must move together, and which of them need which others first. Found by proving.

A change whose set does not hold without another change needs that one: a program needs the library whose new symbol
it imports, a library that drops a soname needs the dependents that no longer ask for it. Changes that need each
other, however indirectly, are one atom.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from farm.core.sets.findings.problem import Problem
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.trial import TrialSet


@dataclass(frozen=True, slots=True)
class Atom:
    """Changes, by short name, that are never split. `needs` are the keys of the atoms that have to come before.

    The key of an atom is the first of its names.
    """

    names: tuple[str, ...]
    needs: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """What the atom is known by."""
        return self.names[0]


def find_atoms(
    trial: TrialSet,
    changes: Mapping[str, Member | None],
    *,
    together: Iterable[Iterable[str]] = (),
    needs: Mapping[str, Iterable[str]] | None = None,
) -> tuple[Atom, ...]:
    """Return the atoms of these changes to the base of `trial`, each after the atoms that it needs, else by name.

    `together` are names that move as one in any case: the outputs of one build, a transition that was declared.
    `needs` names what else a change needs that no proof shows: what its tests need, say. Leaves `trial` at its base.
    Two changes that hold alone and not together are two atoms: which of them stays back is for a search to find.
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
    return _ordered(_components(units, found), found, members)


class _NeedFinder:
    """Finds which units (groups of changes that move as one) a unit needs so that the base with it still holds."""

    def __init__(self, trial: TrialSet, changes: Mapping[str, Member | None], unit_of: Mapping[str, str]) -> None:
        self._trial = trial
        self._changes = changes
        self._unit_of = unit_of
        self._providers: defaultdict[str, set[str]] = defaultdict(set)
        for name, member in changes.items():
            for capability in member.provides if member else ():
                self._providers[capability].add(unit_of[name])

    def needs_of(self, unit: str, members: Mapping[str, set[str]]) -> set[str]:
        """Add what mends the problems of the set, unit by unit, until there is none that a change could mend."""
        inside = {unit}
        while True:
            mending = self._unprovided(inside, members) - inside
            if not mending:
                placed = {name: self._changes[name] for each in inside for name in members[each]}
                mending = {each for problem in self._trial.problems_of(placed) for each in self._mending(problem)}
                mending -= inside
            if not mending:
                return inside - {unit}
            inside |= mending

    def _unprovided(self, inside: Iterable[str], members: Mapping[str, set[str]]) -> set[str]:
        """Return the units that provide what units in `inside` require and the base lacks: no proof is needed yet."""
        wanted: set[str] = set()
        for name in (name for unit in inside for name in members[unit]):
            member = self._changes[name]
            for capability in member.requires if member else ():
                if not self._trial.provided_by_base(capability):
                    wanted |= self._providers.get(capability, set())
        return wanted

    def _mending(self, problem: Problem) -> set[str]:
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


def _components(units: Sequence[str], needs: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected components (Tarjan's algorithm, without recursion), needed ones first."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    components: list[list[str]] = []
    for start in units:
        if start in number:
            continue
        calls = [(start, iter(sorted(needs[start])))]
        number[start] = low[start] = len(number)
        stack.append(start)
        on_stack.add(start)
        while calls:
            unit, rest = calls[-1]
            step = next(rest, None)
            if step is None:
                calls.pop()
                if calls:
                    low[calls[-1][0]] = min(low[calls[-1][0]], low[unit])
                if low[unit] == number[unit]:
                    component: list[str] = []
                    while not component or component[-1] != unit:
                        component.append(stack.pop())
                        on_stack.discard(component[-1])
                    components.append(sorted(component))
            elif step not in number:
                number[step] = low[step] = len(number)
                stack.append(step)
                on_stack.add(step)
                calls.append((step, iter(sorted(needs[step]))))
            elif step in on_stack:
                low[unit] = min(low[unit], number[step])
    return components


def _ordered(
    components: Sequence[Sequence[str]], needs: Mapping[str, set[str]], members: Mapping[str, set[str]]
) -> tuple[Atom, ...]:
    names = [tuple(sorted(name for unit in component for name in members[unit])) for component in components]
    key_of = {unit: each[0] for component, each in zip(components, names, strict=True) for unit in component}
    atoms = []
    for component, each in zip(components, names, strict=True):
        wanted = {key_of[need] for unit in component for need in needs[unit]} - {each[0]}
        atoms.append(Atom(each, frozenset(wanted)))
    return tuple(atoms)
