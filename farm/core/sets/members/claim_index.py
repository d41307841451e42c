"""The members that claim each path of the root: finds conflicts at a cost in proportion to the changed paths.

It decides by the rule of `farm.core.fileset.forest`, over all members of a set at once.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from farm.core.sets.members.member import Member

_NONE: frozenset[str] = frozenset()


class ClaimIndex:
    """Claims by path, mutable; `conflicts` maps each path in conflict to the sorted names of its parties."""

    __slots__ = ("_directories", "_disputed", "_owner", "_prevailing", "conflicts")

    def __init__(self, prevailing: Callable[[tuple[str, ...]], tuple[str, ...]]) -> None:
        self._prevailing = prevailing
        # Nearly every path has one owner, so only the others pay for a list.
        self._owner: dict[str, str] = {}
        self._disputed: dict[str, list[str]] = {}
        self._directories: defaultdict[str, set[str]] = defaultdict(set)
        self.conflicts: dict[str, tuple[str, ...]] = {}

    def add(self, member: Member) -> None:
        """Add the claims of a member; `settle` must be called for it before `conflicts` is read."""
        name = member.name
        for path in member.links:
            if path not in self._owner:
                self._owner[path] = name
            else:
                self._disputed.setdefault(path, [self._owner[path]]).append(name)
        for path in member.directories:
            self._directories[path].add(name)

    def remove(self, member: Member) -> None:
        """Remove the claims of a member; `settle` must be called likewise."""
        name = member.name
        for path in member.links:
            claims = self._disputed.get(path)
            if claims is None:
                self._owner.pop(path, None)
                continue
            claims.remove(name)
            self._owner[path] = claims[0]
            if len(claims) == 1:
                del self._disputed[path]
        for path in member.directories:
            names = self._directories[path]
            names.discard(name)
            if not names:
                del self._directories[path]

    def settle(self, member: Member) -> None:
        """Decide again about every path that `member` claims."""
        disputed, directories = self._disputed, self._directories
        for path in member.links:
            if path in disputed or path in directories or path in self.conflicts:
                self._settle(path)
        for path in member.directories:
            if path in self._owner or path in self.conflicts:
                self._settle(path)

    def having(self, directory: str) -> frozenset[str] | set[str]:
        """Return the members that have this directory."""
        return self._directories.get(directory, _NONE)

    def by_parties(self) -> Mapping[tuple[str, ...], tuple[str, ...]]:
        """Return the paths in conflict, sorted, by the parties to it."""
        grouped: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
        for path, parties in self.conflicts.items():
            grouped[parties].append(path)
        return {parties: tuple(sorted(paths)) for parties, paths in grouped.items()}

    def _settle(self, path: str) -> None:
        claims = self._disputed.get(path) or ([self._owner[path]] if path in self._owner else [])
        directories = self._directories.get(path, set()) if claims else set()
        names = tuple(sorted(set(claims)))
        winners = names if len(names) < 2 else self._prevailing(names)
        # A winner must not claim the path twice; a loser may.
        agreed = len(winners) == 1 and claims.count(winners[0]) == 1
        if claims and (directories or not agreed):
            self.conflicts[path] = tuple(sorted({*names, *directories}))
        else:
            self.conflicts.pop(path, None)
