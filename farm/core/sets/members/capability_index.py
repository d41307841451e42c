"""The members that provide and require each capability: with this index a proof costs as much as the change."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from farm.core.fileset.forest import prevailing
from farm.core.package.package_capability import exact_package
from farm.core.package.shebang import interpreter_capability
from farm.core.sets.members.member import is_imported

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.sets.members.member import Member

# What is left is the same for libonig.so.4 and libonig.so.5, for python3.13 and python3.
_NUMBERS = re.compile(r"[0-9.]+$|\.so[0-9.]*$")
_NONE: frozenset[str] = frozenset()


class CapabilityIndex:
    """Names of members by what they provide and require. Mutable; its owner adds and removes each member once."""

    __slots__ = ("_alike", "_exact", "_providers", "_replaces", "_requirers")

    def __init__(self) -> None:
        self._providers: dict[str, tuple[str, ...]] = {}
        self._requirers: defaultdict[str, set[str]] = defaultdict(set)
        self._alike: defaultdict[str, set[str]] = defaultdict(set)
        self._exact: defaultdict[str, set[str]] = defaultdict(set)
        self._replaces: dict[str, frozenset[str]] = {}

    def add(self, member: Member) -> None:
        """Add a member."""
        name = member.name
        for capability in member.provides:
            others = self._providers.get(capability)
            if others is None:
                self._providers[capability] = (name,)
                # The nearest to one version of a package is found by its name.
                if exact_package(capability) is None:
                    self._alike[_stem(capability)].add(capability)
            else:
                self._providers[capability] = tuple(sorted((*others, name)))
        for capability in member.requires:
            self._requirers[capability].add(name)
            if exact := exact_package(capability):
                self._exact[exact[0]].add(capability)
        if member.replaces:
            self._replaces[name] = frozenset(member.replaces)

    def remove(self, member: Member) -> None:
        """Remove a member."""
        for capability in member.provides:
            left = tuple(name for name in self._providers[capability] if name != member.name)
            if left:
                self._providers[capability] = left
            else:
                del self._providers[capability]
                self._alike[_stem(capability)].discard(capability)
        for capability in member.requires:
            self._requirers[capability].discard(member.name)
        self._replaces.pop(member.name, None)

    def providers(self, capability: str) -> tuple[str, ...]:
        """Return the members that provide it, sorted; where `serving` chooses one of several, only that."""
        names = self._providers.get(capability, ())
        return names if len(names) < 2 else self.serving(names)

    def requirers(self, capability: str) -> frozenset[str] | set[str]:
        """Return the members that require it."""
        return self._requirers.get(capability, _NONE)

    def naming(self, package: str) -> set[str]:
        """Return the members that require the package of this name, in any version."""
        wanted = {f"package:{package}", *self._exact.get(package, _NONE)}
        return {name for capability in wanted for name in self.requirers(capability)}

    def serving(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return which of these providers serve: own packages before imported ones, then the one that prevails."""
        own = tuple(name for name in names if not is_imported(name))
        return self.prevailing(own or names)

    def prevailing(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the one of `names` that replaces all the others and is replaced by none, or else all of them."""
        found = prevailing(names, lambda one, other: other in self._replaces.get(one, _NONE))
        return names if found is None else (found,)

    def nearest(self, capability: str, labels: Mapping[str, Member]) -> str:
        """Return a clause that names the nearest capability (the same name with other numbers), or nothing.

        The nearest to a package in one version is that package in another.
        """
        if exact := exact_package(capability):
            named = f"package:{exact[0]}"
            if present := self._providers.get(named):
                return f"; the set has {labels[present[0]].label}"
            return self.nearest(named, labels)
        near = sorted(self._alike.get(_stem(capability), _NONE))
        if not near:
            return ""
        provider = labels[self._providers[near[-1]][0]].label
        return f"; the nearest is {near[-1].partition(':')[2]} of {provider}"


def required_files(member: Member) -> dict[str, str]:
    """Map each capability that a file of the member needs to the first such file."""
    needing: dict[str, str] = {}
    for path, elf in member.facts.elf:
        for soname in elf.needed:
            needing.setdefault(f"soname:{soname}", path)
        for note in elf.details.dlopen if elf.details else ():
            if note.priority == "required":
                needing.setdefault(f"soname:{note.sonames[0]}", path)
        if elf.interpreter:
            needing.setdefault(interpreter_capability(elf.interpreter), path)
    for path, interpreter, _ in member.facts.scripts:
        needing.setdefault(interpreter, path)
    return needing


def moved_capabilities(before: Member | None, after: Member | None) -> set[str]:
    """Return the capabilities that another member may provide after a member changed, came or went."""
    old, new = set(before.provides if before else ()), set(after.provides if after else ())
    # What a member replaces decides which of several serves, so that all that it provides may move.
    as_before = before is None or after is None or before.replaces == after.replaces
    return old ^ new if as_before else old | new


def _stem(capability: str) -> str:
    return _NUMBERS.sub("", capability)
