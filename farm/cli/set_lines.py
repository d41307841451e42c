"""The lines about overrides and sensitive files of a set of packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.sets.proof.proof import NOTHING_FOUND
from farm.errors import in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farm.client.root.sensitive_additions import SensitiveAdditions
    from farm.core.sets.members.set_record import BrokenGuarantees, PlacedPackage, SetRecord


def named(record: SetRecord) -> list[tuple[str, PlacedPackage]]:
    """Return packages by their short names, or by full ones if packages of several distributions are present."""
    one = len({package.name.distribution for package in record.packages}) == 1
    return [(package.name.short if one else str(package.name), package) for package in record.packages]


def override_lines(packages: Iterable[PlacedPackage]) -> list[str]:
    """Return the lines for the overrides of a set, none if it has none."""
    return [line for package in packages if package.is_override for line in _lines(package)]


def _lines(placed: PlacedPackage) -> Iterator[str]:
    broken = placed.broken
    instead_of = broken.instead_of if broken else f"the package {placed.stands_for or 'of its name'}"
    origin = f"of {placed.channel}" if placed.channel else "built here"
    label = f"{placed.name.short} {placed.full_version}"
    yield f"OVERRIDE: {label}, {origin}, replaces {instead_of}: {placed.why}"
    yield f"  not guaranteed: all that the release guarantees of {instead_of}{_dependents(broken) if broken else ''}"
    if broken:
        yield from _found(placed, broken)


def _dependents(broken: BrokenGuarantees) -> str:
    return f"; that it was tested with {in_words(broken.dependents)}" if broken.dependents else ""


def _found(placed: PlacedPackage, broken: BrokenGuarantees) -> Iterator[str]:
    for problem in broken.problems:
        yield f"  proof failed: {problem}"
    if not broken.problems:
        yield f"  proven with it: {NOTHING_FOUND}"
    for name in broken.copies:
        yield f"  {name} holds code of another build of {placed.name.short}, linked in when it was built"
    if broken.made_for:
        yield f"  it was made for {broken.made_for}; the channel now has {broken.instead_of}"


def sensitive_lines(brought: Iterable[SensitiveAdditions]) -> list[str]:
    """Return a line for the files of one package with the same effect and reason."""
    return [f"note: {files}" for files in brought]
