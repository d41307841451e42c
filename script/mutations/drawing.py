"""The mutations to run: the named ones, and of each subject as many as are drawn. Pure except for reading."""

from __future__ import annotations

import hashlib
from collections import Counter
from math import ceil
from typing import TYPE_CHECKING

from script.mutations.mutation import Mutation
from script.mutations.named import NAMED
from script.mutations.operators import sites
from script.mutations.subjects import LEFT_OUT, PER_SUBJECT, SEED, SUBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from script.mutations.named import Named
    from script.mutations.operators import Site
    from script.mutations.subjects import Subject

    Read = Callable[[str], str]


class NotFoundOnceError(Exception):
    """The text that a named mutation replaces is not in its module exactly once."""

    def __init__(self, named: Named, count: int) -> None:
        super().__init__(
            f"{named.name}: its text stands {count} times in {named.module}, not once. Say in "
            f"script/mutations/named.py where that decision is taken now:\n{named.old}"
        )


def all_mutations(root: Path) -> list[Mutation]:
    """Return every mutation of the tree at `root`, the named ones first. Raises `NotFoundOnceError`."""

    def read(module: str) -> str:
        return (root / module).read_text(encoding="utf-8")

    drawn = (mutation for subject in SUBJECTS for mutation in draw(subject, read))
    return [*(placed(named, read) for named in NAMED), *drawn]


def placed(named: Named, read: Read) -> Mutation:
    """Find the one place of a named mutation. Raises `NotFoundOnceError`."""
    source = read(named.module)
    if (count := source.count(named.old)) != 1:
        raise NotFoundOnceError(named, count)
    start = source.index(named.old)
    return Mutation(named.name, named.subject, named.module, named.what, start, start + len(named.old), named.new)


def draw(subject: Subject, read: Read, *, skipped: Iterable[str] = LEFT_OUT) -> list[Mutation]:
    """Draw the mutations of a subject: no two of one operator or function, and equally many of each of its modules.

    A change is ranked by its own text and not by its place, so that the draw does not depend on changes around it.
    """
    drawn: list[Mutation] = []
    taken: set[str] = set()
    places = Counter({module: ceil(PER_SUBJECT / len(subject.modules)) for module in subject.modules})
    for mutation, site in sorted(candidates(subject, read), key=lambda pair: pair[0].name.partition("-")[2]):
        free = places[mutation.module] and taken.isdisjoint((site.operator, site.function))
        if free and mutation.name not in skipped:
            drawn.append(mutation)
            taken |= {site.operator, site.function}
            places[mutation.module] -= 1
        if len(drawn) == PER_SUBJECT:
            break
    return drawn


def candidates(subject: Subject, read: Read) -> Iterator[tuple[Mutation, Site]]:
    """Yield all mutations that can be drawn. The name of each is its rank, too."""
    seen: Counter[str] = Counter()
    for module in subject.modules:
        for site in sites(read(module)):
            key = "\0".join((site.operator, site.function, site.line, site.new))
            seen[key] += 1
            rank = hashlib.sha256(f"{SEED}\0{subject.name}\0{key}\0{seen[key]}".encode()).hexdigest()[:8]
            what = f"{site.operator} in {site.function}"
            yield Mutation(f"{subject.name}-{rank}", subject.name, module, what, site.start, site.end, site.new), site
