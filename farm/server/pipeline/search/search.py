"""The search for the largest part of a candidate that passes: pure and deterministic.

`ask` returns whether a set of atoms over the base passes, and raises while that is not known. An interrupted search
starts again from the beginning: earlier questions are answered at once, so it soon reaches the point where it stopped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from farm.server.tables.pipeline_states import RunPurpose

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from farm.core.sets.proof.atoms import Atom
    from farm.server.tables.evidence import Evidence

_MOST_PARTNERS = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a set passes, and the evidence found."""

    green: bool
    evidence: Evidence | None = None


class Ask(Protocol):
    """Evaluates a set. An exception passes through the search to its caller, which reads it as "not known yet"."""

    def __call__(self, atoms: Collection[str], purpose: RunPurpose) -> Answer:
        """Return whether the base with these atoms passes."""


@dataclass(frozen=True, slots=True)
class Hold:
    """An atom that is held back. `root` is the atom that causes it: itself, or one that it needs.

    `partners` are the atoms that it breaks only together with, empty if it breaks alone; `evidence` is that of the red
    set.
    """

    atom: str
    root: str
    evidence: Evidence | None = None
    partners: tuple[str, ...] = ()


@dataclass(slots=True)
class Found:
    """The result of the search: the atoms that pass together, in order, and those held back, by key."""

    accepted: list[str] = field(default_factory=list)
    held: dict[str, Hold] = field(default_factory=dict)


def search(atoms: Sequence[Atom], ask: Ask) -> Found:
    """Find the atoms that pass together. `atoms` are in dependency order: each after those that it needs.

    The whole is tried first. While it is red, the shortest failing prefix is found by bisection: all before its last
    atom is accepted, that atom is held, and the rest is tried whole. At the end the held atoms are tried again.
    """
    needs = _all_needs(atoms)
    order = {atom.key: place for place, atom in enumerate(atoms)}
    found = Found()
    before: dict[str, tuple[str, ...]] = {}
    left = [atom.key for atom in atoms]
    ask_about = partial(ask, purpose=RunPurpose.SEARCH)
    while left:
        answer = ask_about([*found.accepted, *left])
        if answer.green:
            found.accepted += left
            break
        size, red = _shortest_failing(found.accepted, left, answer, ask_about)
        culprit = left[size - 1]
        before[culprit] = (*found.accepted, *left[: size - 1])
        found.accepted += left[: size - 1]
        found.held[culprit] = Hold(culprit, culprit, red.evidence)
        rest = left[size:]
        for atom in rest:
            if culprit in needs[atom]:
                found.held[atom] = Hold(atom, culprit)
        left = [atom for atom in rest if atom not in found.held]
    _try_again(found, before, needs, order, ask)
    for atom, hold in list(found.held.items()):
        if hold.root == atom:
            found.held[atom] = _explained(hold, before[atom], needs, order, ask)
    return found


def _shortest_failing(
    before: Sequence[str], atoms: Sequence[str], whole: Answer, ask: Callable[[list[str]], Answer]
) -> tuple[int, Answer]:
    """Return how many of `atoms` fail with those before them while one less passes, and the answer: by bisection.

    `whole` is the answer for all of them.
    """
    low, high, red = 0, len(atoms), whole
    while high - low > 1:
        middle = (low + high) // 2
        answer = ask([*before, *atoms[:middle]])
        if answer.green:
            low = middle
        else:
            high, red = middle, answer
    return high, red


def _try_again(
    found: Found,
    before: dict[str, tuple[str, ...]],
    needs: Mapping[str, frozenset[str]],
    order: Mapping[str, int],
    ask: Ask,
) -> None:
    """Accept held atoms that pass on the result; whenever the result changes, the others are tried once more.

    `before` gets what was accepted before each atom that is found to be bad only now.
    """
    progress = True
    while progress:
        progress = False
        for atom in sorted(found.held, key=order.__getitem__):
            if needs[atom] & found.held.keys():
                continue  # it waits for an atom that it needs
            answer = ask([*found.accepted, atom], RunPurpose.RETRY)
            if answer.green:
                found.accepted.append(atom)
                del found.held[atom]
                progress = True
            elif found.held[atom].root != atom:
                # The atom that it needed has passed: the fault is its own.
                found.held[atom] = Hold(atom, atom, answer.evidence)
                before[atom] = tuple(found.accepted)
    for atom, hold in list(found.held.items()):
        if hold.root != atom:
            roots = sorted((key for key in needs[atom] if key in found.held), key=order.__getitem__)
            own = [key for key in roots if found.held[key].root == key]
            found.held[atom] = Hold(atom, (own or roots)[0])


def _explained(
    hold: Hold,
    before: Sequence[str],
    needs: Mapping[str, frozenset[str]],
    order: Mapping[str, int],
    ask: Ask,
) -> Hold:
    """Find the other atoms with which an atom breaks: none, or as few as bisection finds."""

    def with_needs(atoms: Iterable[str]) -> list[str]:
        wanted = {need for atom in atoms for need in needs[atom]} | set(atoms)
        return sorted(wanted, key=order.__getitem__)

    def ask_about(atoms: list[str]) -> Answer:
        return ask(with_needs(atoms), RunPurpose.EVIDENCE)

    partners: list[str] = []
    seen = hold.evidence
    while len(partners) <= _MOST_PARTNERS:
        fixed = with_needs([*partners, hold.atom])
        alone = ask_about(fixed)
        if not alone.green:
            return Hold(hold.atom, hold.atom, alone.evidence, tuple(partners))
        others = [atom for atom in before if atom not in fixed]
        size, _ = _shortest_failing(fixed, others, alone, ask_about)
        if size == 0:
            break  # it does not break the same way again: the first evidence stays
        partners.append(others[size - 1])
    return Hold(hold.atom, hold.atom, seen, tuple(partners))


def _all_needs(atoms: Sequence[Atom]) -> dict[str, frozenset[str]]:
    """Return for each atom all that it needs, directly or indirectly."""
    needs: dict[str, frozenset[str]] = {}
    for atom in atoms:
        direct = frozenset(need for need in atom.needs if need in needs)
        needs[atom.key] = direct.union(*(needs[need] for need in direct))
    return needs
