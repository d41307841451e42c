"""Libraries that are offered to nobody, where a search path leads to them: for closures, over facts alone."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from farm.compat.linked_file import search_places

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from farm.compat.linked_file import Place
    from farm.compat.member import Member


def private_keepers(members: Mapping[str, Member], member: Member, capability: str) -> tuple[str, ...]:
    """Return the members that have the library which `member` requires and none provides, by name, sorted.

    A file looks where its own search path leads, or else a DT_RPATH of what has loaded it. Who that is, is not followed
    here: that of any member counts. So there can be more of them than needed, never fewer; whether each file finds what
    it needs, a proof tells. All members are gone through, because it is rare that one is asked for.
    """
    kind, _, name = capability.partition(":")
    asking = [each for each in member.facts.elf if name in each.facts.needed] if kind == "soname" else []
    kept = list(_kept(members, name)) if asking else []
    found: set[str] = set()
    for path, facts in asking if kept else ():
        fitting = [(directory, owner) for directory, owner, machine in kept if machine == facts.machine]
        runpath, rpath = search_places(facts, member.name, path)
        reached = _reached(fitting, runpath or rpath)
        if not reached and not runpath:
            reached = _reached(fitting, _inherited(members))
        found |= reached
    return tuple(sorted(found))


def kept_by(member: Member | None) -> set[str]:
    """Return what a member has of libraries, as capabilities, and does not provide to all."""
    if member is None:
        return set()
    names = {name for path, facts in member.facts.elf for name in (facts.soname, posixpath.basename(path)) if name}
    return {f"soname:{name}" for name in names}.difference(member.provides)


def moved_privately(members: Mapping[str, Member], before: Member | None, after: Member | None) -> set[str]:
    """Return the capabilities of private libraries that may be another member's now that one became another.

    These are what it has of them, or had, and what its DT_RPATH leads to now, or did; `members` are those of now.
    """
    moved = kept_by(before) ^ kept_by(after)
    old, new = ({at for at, _ in _inherited({each.name: each} if each else {})} for each in (before, after))
    if directories := old ^ new:
        for member in members.values():
            if any(posixpath.dirname(path) in directories for path, _ in member.facts.elf):
                moved |= kept_by(member)
    return moved


def _kept(members: Mapping[str, Member], name: str) -> Iterator[tuple[str, str, str]]:
    """Give directory, member and machine of each file that may be found under a name."""
    for owner, member in members.items():
        for path, facts in member.facts.elf:
            if name in {facts.soname, posixpath.basename(path)}:
                yield posixpath.dirname(path), owner, facts.machine


def _inherited(members: Mapping[str, Member]) -> Iterator[Place]:
    for owner, member in members.items():
        for path, facts in member.facts.elf:
            if facts.rpath:
                yield from search_places(facts, owner, path)[1]


def _reached(kept: Iterable[tuple[str, str]], places: Iterable[Place]) -> set[str]:
    led = set(places)
    return {owner for directory, owner in kept if any(directory == at and alone in ("", owner) for at, alone in led)}
