"""How the files of changed members differ, by the names and symbols through which they concern other members."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.core.package.elf.facts import Symbol
    from farm.core.sets.linking.linked_file import LinkedFile
    from farm.core.sets.members.member import Member


@dataclass(slots=True)
class Replacement:
    """Collects changes. `names` are libraries that changed or lost something for their users, `commands` such programs.

    `gaining` are libraries that only export more, namely `gained`; `importing` those whose imports differ, `imported`.
    """

    names: set[str] = field(default_factory=set)
    commands: set[str] = field(default_factory=set)
    gaining: set[str] = field(default_factory=set)
    gained: set[Symbol] = field(default_factory=set)
    importing: set[str] = field(default_factory=set)
    imported: set[str] = field(default_factory=set)

    def compare(self, was: Iterable[LinkedFile], now: Iterable[LinkedFile], *, same_rank: bool) -> None:
        """Add the old and new files of one member; `same_rank`: it prevails over the same members as before."""
        before, after = {file.key: file for file in was}, {file.key: file for file in now}
        for key in before.keys() | after.keys():
            old, new = before.get(key), after.get(key)
            if old is None or new is None or not same_rank or not new.can_replace(old):
                self.names |= {name for file in (old, new) if file is not None for name in file.all_names}
                continue
            if gained := new.gained_over(old):
                self.gained |= gained
                self.gaining |= new.all_names
            if old.facts.imported != new.facts.imported:
                self.importing |= new.all_names
                differing = set(old.facts.imported) ^ set(new.facts.imported)
                self.imported |= {name for group in differing for name in group.names}

    def compare_paths(self, was: Member | None, now: Member | None, files: Iterable[LinkedFile]) -> None:
        """Add the other paths that a loader may open of the old and the new member; `files` are the files of both."""
        before, after = was.opened if was else (), now.opened if now else ()
        if before != after:
            self.names |= {posixpath.basename(path.path) for path in set(before) ^ set(after)}
        if (was.directory_links if was else ()) != (now.directory_links if now else ()):
            # All files in a directory may be found by another path now.
            self.names |= {name for file in files for name in file.all_names}
            self.names |= {posixpath.basename(path.path) for path in (*before, *after)}

    def concerns(self, file: LinkedFile) -> bool:
        """Return whether a file imports or copies one of the gained symbols."""
        names = {symbol.name for symbol in self.gained}
        # An import with a version does not take a symbol with another version.
        versions = {symbol.version for symbol in self.gained}
        return any(
            not names.isdisjoint(group.names)
            for group in file.facts.imported
            if not group.version or "" in versions or group.version in versions
        ) or any(copy.name in names for copy in file.details.copies)
