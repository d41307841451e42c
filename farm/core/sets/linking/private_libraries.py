"""Private libraries: those whose soname no package provides, and that a search path or file name leads to.

For closures; works on facts alone.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from farm.core.sets.linking.linked_file import own_places, spots_in
from farm.core.sets.linking.openings import directory_links
from farm.core.sets.members.search_path import Place, place_behind_links, system_places

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from farm.core.sets.linking.linked_file import FoundPlace
    from farm.core.sets.members.capability_index import CapabilityIndex
    from farm.core.sets.members.member import Member


def private_keepers(members: Mapping[str, Member], member: Member, capability: str) -> tuple[str, ...]:
    """Return the names of the members that have a library which `member` requires and none provides, sorted.

    A file searches its own search path, or else the DT_RPATH of a file that loads it, and then the loader's own
    directories. Which files load it is not followed here: the DT_RPATH of any member counts. So there may be more
    members than needed, never fewer; a proof decides whether each file finds what it needs. All members are searched,
    because this is rarely needed.
    """
    kind, _, name = capability.partition(":")
    needing = [file for file in member.facts.elf if name in file.facts.needed] if kind == "soname" else []
    kept = list(_kept(members, name)) if needing else []
    found: set[str] = set()
    for file in needing if kept else ():
        fitting = [(spot, owner) for spot, owner, machine in kept if machine == file.facts.machine]
        reached = _reached(fitting, _led(members, own_places(member, file)))
        if not reached and not file.facts.runpath:
            reached = _reached(fitting, _led(members, _inherited(members.values())))
        found |= reached | _reached(fitting, _led(members, system_places(name, file.facts.machine)))
    return tuple(sorted(found))


def private_users(members: Mapping[str, Member], capabilities: CapabilityIndex, name: str) -> set[str]:
    """Return the members that use a private library of the member `name`."""
    return {
        user
        for capability in kept_by(members[name])
        if not capabilities.providers(capability)
        for user in capabilities.requirers(capability)
        if user != name and name in private_keepers(members, members[user], capability)
    }


def kept_by(member: Member | None) -> set[str]:
    """Return the private libraries of a member, as capabilities."""
    if member is None:
        return set()
    names = {name for path, facts in member.facts.elf for name in (facts.soname, posixpath.basename(path)) if name}
    names.update(posixpath.basename(path.path) for path in member.opened if path.file)
    return {f"soname:{name}" for name in names}.difference(member.provides)


def moved_privately(members: Mapping[str, Member], before: Member | None, after: Member | None) -> set[str]:
    """Return the capabilities of private libraries that another member may provide after one member changed.

    These are its private libraries that moved, and those to which its DT_RPATH led before or leads now; `members` are
    those after the change.
    """
    moved = {capability for capability, _ in _kept_at(before) ^ _kept_at(after)}
    if (before.directory_links if before else ()) != (after.directory_links if after else ()):
        moved |= kept_by(before) | kept_by(after)
    old, new = (set(_inherited([version] if version else [])) for version in (before, after))
    if places := _led(members, old ^ new):
        for name, member in members.items():
            if _reached(((spot, name) for file in member.facts.elf for spot in spots_in(member, file)), places):
                moved |= kept_by(member)
    return moved


def _kept_at(member: Member | None) -> set[tuple[str, FoundPlace]]:
    """Return the private libraries of a member, each with its spots."""
    found: set[tuple[str, FoundPlace]] = set()
    if member is None or not (kept := kept_by(member)):
        return found
    for file in member.facts.elf:
        spots = spots_in(member, file)
        names = {f"soname:{name}" for name in (file.facts.soname, *(spot.name for spot in spots))}
        found.update((name, spot) for name in names & kept for spot in spots)
    return found


def _kept(members: Mapping[str, Member], name: str) -> Iterator[tuple[FoundPlace, str, str]]:
    """Yield spot, member and machine of each file that may be found under a name."""
    for owner, member in members.items():
        files = {path.file for path in member.opened if posixpath.basename(path.path) == name}
        for file in member.facts.elf:
            if file.path in files or name in {file.facts.soname, posixpath.basename(file.path)}:
                yield from ((spot, owner, file.facts.machine) for spot in spots_in(member, file))


def _inherited(members: Iterable[Member]) -> Iterator[Place]:
    for member in members:
        for file in member.facts.elf:
            if file.facts.rpath and not file.facts.runpath:
                yield from own_places(member, file)


def _led(members: Mapping[str, Member], places: Iterable[Place]) -> set[Place]:
    """Return the places to which these lead when links are followed."""
    wanted = set(places)
    links = {place: target for member in members.values() if wanted for place, target in directory_links(member)}
    led = {place_behind_links(place, lambda directory, owner: links.get(Place(directory, owner))) for place in wanted}
    return {place for place in led if place is not None}


def _reached(kept: Iterable[tuple[FoundPlace, str]], places: set[Place]) -> set[str]:
    """Return the owners of the files at one of the places."""
    return {
        owner
        for spot, owner in kept
        if (spot.root and Place(spot.root) in places) or Place(spot.package or "", owner) in places
    }
