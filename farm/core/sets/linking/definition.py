"""Which export of one file an import takes: the rules of glibc's `check_match` (elf/dl-lookup.c), for one symbol.

An import with a version takes the export of exactly that, hidden or not, else one without a version that is not hidden,
whatever else there is of that name: only imports without a version count what they find (`num_versions`).
An import without a version takes an export of the first versions (index 0 to 2) even when it is hidden, of later ones
the one that is not hidden, if there is one alone. `LinkedFile` has the same as sets, for very many symbols at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.package.elf.facts import Symbol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.core.sets.linking.linked_file import LinkedFile

_NONE: frozenset[str] = frozenset()


def definition(file: LinkedFile, name: str, version: str) -> Symbol | None:
    """Return the export that an import of `name`, of a `version` or of none (empty), takes of this file."""
    second: list[Symbol] = []
    for group in file.facts.exported:
        if name not in group.names:
            continue
        size = group.sizes[group.names.index(name)] if group.sizes else 0
        symbol = Symbol(name, group.version, *group[2:-1], size)
        if (group.version == version) if version else not group.later:
            return symbol
        if not group.hidden and (not version or not group.version):
            second.append(symbol)
    # Of several the linker takes the first that its hash table leads to, which is not told: all are without a version.
    return second[0] if second and (version or len(second) == 1) else None


def taken(file: LinkedFile, names: Iterable[str], version: str) -> set[str]:
    """Return those of the imports of one version, or of none, that take an export of this file."""
    if not version:
        return set(file.exported.intersection(names))
    names = set(names)
    return {*file.exports.get(version, _NONE).intersection(names), *file.plain.intersection(names)}


def takes(file: LinkedFile, name: str, version: str) -> bool:
    """Tell whether an import takes an export of this file."""
    if not version:
        return name in file.exported
    return name in file.exports.get(version, _NONE) or name in file.plain
