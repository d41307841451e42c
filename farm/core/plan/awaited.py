"""The unbuilt recipes that builds wait for, of many builds at once: each built recipe in between is looked at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.names.mutual import mutual_groups

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from farm.core.plan.build_order import Needs


def awaited_unbuilt(
    names: Iterable[str], needs: Mapping[str, Needs], built: Container[str]
) -> dict[str, frozenset[str]]:
    """Return the unbuilt recipes that a build of each of these recipes reaches, by its name.

    The search goes from its build-needs through all `needs` of built recipes, and stops at unbuilt ones. What a recipe
    reaches is kept as the bits of a number, which are joined at once.
    """
    wanted = list(names)
    unbuilt = sorted({other for needed in needs.values() for other in needed.all if other not in built})
    bit_of = {name: 1 << number for number, name in enumerate(unbuilt)}
    below = {name: needed.all for name, needed in needs.items() if name in built}
    bits: dict[str, int] = dict(bit_of)
    for group in mutual_groups({name: sorted(others & below.keys()) for name, others in below.items()}):
        reached = 0
        for name in group:
            for other in below[name]:
                reached |= bits.get(other, 0)
        bits |= dict.fromkeys(group, reached)
    found = {}
    for name in wanted:
        reached = 0
        for other in needs[name].build:
            reached |= bits.get(other, 0)
        found[name] = frozenset(unbuilt[number] for number in _set_bits(reached))
    return found


def _set_bits(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest
