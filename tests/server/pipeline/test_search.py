"""The search alone: what it accepts is green, as large as promised, and found in few runs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.sets.proof.atoms import Atom
from farm.server.pipeline.search.search import Answer, Found, search
from farm.server.tables.evidence import TestEvidence

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from farm.server.tables.pipeline_states import RunPurpose


@dataclass
class Engine:
    """Counts the sets that are really tested; the same set is tested once, as in the pipeline."""

    red: Callable[[frozenset[str]], bool]
    runs: dict[str, int] = field(default_factory=lambda: {"search": 0, "retry": 0, "evidence": 0})
    known: dict[frozenset[str], bool] = field(default_factory=dict)

    def __call__(self, atoms: Collection[str], purpose: RunPurpose) -> Answer:
        assert len(set(atoms)) == len(atoms)
        key = frozenset(atoms)
        if key not in self.known:
            self.known[key] = not self.red(key)
            self.runs[purpose] += 1
        return Answer(self.known[key], TestEvidence(len(key)))


def atoms(count: int, needs: dict[int, set[int]] | None = None) -> list[Atom]:
    wanted = needs or {}
    return [Atom((name(n),), frozenset(name(need) for need in wanted.get(n, ()))) for n in range(count)]


def name(number: int) -> str:
    return f"a{number:03}"


def breaks(*groups: Iterable[str]) -> Callable[[frozenset[str]], bool]:
    """A set is red when it holds all of one of these groups."""
    wanted = [frozenset(group) for group in groups]
    return lambda chosen: any(group <= chosen for group in wanted)


@pytest.mark.parametrize("places", [(0, 63), (17, 42), (62, 63), (0, 1), (31, 32)])
def test_two_culprits_among_64_are_found_in_15_runs(places: tuple[int, int]) -> None:
    engine = Engine(breaks(*[[name(place)] for place in places]))
    found = search(atoms(64), engine)
    assert len(found.accepted) == 62
    assert sorted(found.held) == [name(place) for place in places]
    assert engine.runs["search"] <= 15
    assert engine.runs["evidence"] + engine.runs["retry"] <= 2 * 2  # at most two for each lone culprit
    assert all(not hold.partners and hold.root == key for key, hold in found.held.items())


def test_nothing_wrong_takes_one_run() -> None:
    engine = Engine(breaks())
    assert search(atoms(500), engine).held == {}
    assert engine.runs == {"search": 1, "retry": 0, "evidence": 0}


def test_of_two_that_break_together_one_is_held_and_names_the_other() -> None:
    found = search(atoms(40), Engine(breaks([name(7), name(23)])))
    assert list(found.held) == [name(23)]
    assert found.held[name(23)].partners == (name(7),)
    assert len(found.accepted) == 39


def test_three_that_break_only_together_are_all_named() -> None:
    found = search(atoms(20), Engine(breaks([name(2), name(9), name(15)])))
    assert list(found.held) == [name(15)]
    assert sorted(found.held[name(15)].partners) == [name(2), name(9)]


def test_what_breaks_alone_and_passes_with_another_goes_in_with_it() -> None:
    def red(chosen: frozenset[str]) -> bool:
        return (name(1) in chosen and name(30) not in chosen) or name(12) in chosen

    found = search(atoms(32), Engine(red))
    assert list(found.held) == [name(12)]
    assert len(found.accepted) == 31


def test_what_needs_a_held_atom_is_held_for_it_and_not_blamed() -> None:
    found = search(atoms(6, {3: {2}, 4: {3}}), Engine(breaks([name(2)])))
    assert found.accepted == [name(0), name(1), name(5)]
    assert {key: hold.root for key, hold in found.held.items()} == {
        name(2): name(2),
        name(3): name(2),
        name(4): name(2),
    }


@given(
    st.integers(1, 40).flatmap(
        lambda count: st.tuples(
            st.just(count),
            st.lists(st.sets(st.integers(0, count - 1), min_size=1, max_size=3), max_size=4),
            st.dictionaries(st.integers(0, count - 1), st.sets(st.integers(0, count - 1), max_size=2), max_size=6),
        )
    )
)
def test_what_is_accepted_is_green_and_complete_and_nothing_more_could_be(
    case: tuple[int, list[set[int]], dict[int, set[int]]],
) -> None:
    count, groups, wanted = case
    needs = {place: {need for need in others if need < place} for place, others in wanted.items()}
    engine = Engine(breaks(*[[name(number) for number in group] for group in groups]))
    every = atoms(count, needs)
    found: Found = search(every, engine)
    assert sorted([*found.accepted, *found.held]) == [atom.key for atom in every]
    assert not found.accepted or engine.known[frozenset(found.accepted)]
    by_key = {atom.key: atom for atom in every}
    for key in found.accepted:
        assert by_key[key].needs <= set(found.accepted)
    for key, hold in found.held.items():
        # No held atom could go in alone, and every one has a cause of its own.
        if by_key[key].needs <= set(found.accepted):
            assert engine.red(frozenset([*found.accepted, key]))
        assert found.held[hold.root].root == hold.root
    culprits = sum(hold.root == key for key, hold in found.held.items())
    assert engine.runs["search"] <= 1 + culprits * (math.ceil(math.log2(count)) + 1 if count > 1 else 1)


@given(st.integers(1, 30), st.data())
def test_a_search_that_is_cut_off_and_begun_again_asks_for_nothing_twice(count: int, data: st.DataObject) -> None:
    bad = data.draw(st.sets(st.integers(0, count - 1), max_size=3))
    red = breaks(*[[name(number)] for number in bad])
    whole = Engine(red)
    expected = search(atoms(count), whole)
    cut = Engine(red)

    class CutOffError(Exception):
        pass

    def one_more(chosen: Collection[str], purpose: RunPurpose) -> Answer:
        before = sum(cut.runs.values())
        answer = cut(chosen, purpose)
        if sum(cut.runs.values()) > before:
            raise CutOffError
        return answer

    for _ in range(10_000):
        try:
            found = search(atoms(count), one_more)
        except CutOffError:
            continue
        break
    assert found == expected
    assert cut.runs == whole.runs


def test_what_is_broken_itself_is_held_for_itself_when_what_it_needs_goes_in_after_all() -> None:
    def red(chosen: frozenset[str]) -> bool:
        return (name(1) in chosen and name(30) not in chosen) or name(12) in chosen

    # 12 needs 1, which breaks alone and passes with 30: both are held at first, and only 12 is bad.
    found = search(atoms(32, {12: {1}}), Engine(red))
    assert {key: (hold.root, hold.partners) for key, hold in found.held.items()} == {name(12): (name(12), ())}
    assert len(found.accepted) == 31
