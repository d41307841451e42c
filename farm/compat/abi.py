"""Which builds of libraries have to be compared with which before a set can be said to keep its interfaces. Pure.

A file loads the library that the set has; it was compiled against the one that its build had. Where the two are not the
same files, equal symbols are no proof that both mean the same by them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from farm.compat.capability_index import CapabilityIndex
    from farm.compat.member import Member
    from farm.names import Digest, PackageName

    BuiltAgainst = Callable[[Member], Mapping[PackageName, Digest]]
    """Gives the trees of the packages that a member was built against, by full name."""


@dataclass(frozen=True, slots=True, order=True)
class LibraryPair:
    """A library of the member `provider`: in the tree that a dependent was built against, and in that of the set."""

    provider: str
    soname: str
    before: Digest
    after: Digest


def library_pairs(
    members: Mapping[str, Member],
    capabilities: CapabilityIndex,
    changed: Iterable[str],
    built_against: BuiltAgainst,
) -> dict[LibraryPair, tuple[str, ...]]:
    """Return what has to be compared because of the changed members, each with the dependents that it concerns, sorted.

    Looked at are members that load a library of a changed one, and changed ones with all that they load. A dependent
    whose build had the very tree of the set has nothing to compare; nor has one whose build did not have the package,
    for which it was not compiled. Packages of other distributions are compared at home.
    """
    found: defaultdict[LibraryPair, set[str]] = defaultdict(set)
    for dependent, soname in _loads(members, capabilities, changed):
        if dependent.foreign:
            continue
        for name in capabilities.providers(f"soname:{soname}"):
            provider = members[name]
            before = None if provider.foreign else built_against(dependent).get(provider.descriptor.name)
            if before is not None and before != provider.descriptor.tree and name != dependent.name:
                found[LibraryPair(name, soname, before, provider.descriptor.tree)].add(dependent.name)
    return {pair: tuple(sorted(dependents)) for pair, dependents in sorted(found.items())}


def library_path(member: Member, soname: str) -> str | None:
    """Return the path of a member's library of this name, the plain one before variants; None where it has none."""
    paths = [path for path, facts in member.facts.elf if facts.soname == soname]
    return min(paths, key=lambda path: (path.count("/"), path), default=None)


def _loads(
    members: Mapping[str, Member], capabilities: CapabilityIndex, changed: Iterable[str]
) -> Iterator[tuple[Member, str]]:
    for name in sorted(set(changed) & members.keys()):
        member = members[name]
        for soname in sonames(member.provides):
            for user in capabilities.requirers(f"soname:{soname}"):
                yield members[user], soname
        for soname in sonames(member.requires):
            yield member, soname


def sonames(names: Iterable[str]) -> Iterator[str]:
    """Give the sonames among capabilities that are provided or required."""
    for capability in names:
        kind, _, soname = capability.partition(":")
        if kind == "soname":
            yield soname
