"""What became of the files of members that changed, in the words in which others are found who have to do with them."""

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
    """Collects changes. `names`: libraries behind which a user may find something else, or something less; `commands`:
    programs of which the same is true. `gaining` are libraries that only export `gained` besides, `importing` those
    that import otherwise than before, namely `imported`.
    """

    names: set[str] = field(default_factory=set)
    commands: set[str] = field(default_factory=set)
    gaining: set[str] = field(default_factory=set)
    gained: set[Symbol] = field(default_factory=set)
    importing: set[str] = field(default_factory=set)
    imported: set[str] = field(default_factory=set)

    def compare(self, was: Iterable[LinkedFile], now: Iterable[LinkedFile], *, same_rank: bool) -> None:
        """Take in the files of one member, old and new; `same_rank`: it prevails over the same members as before."""
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
        """Take in what else a loader may open of a member, old and new, of which `files` are the files, old and new."""
        before, after = was.opened if was else (), now.opened if now else ()
        if before != after:
            self.names |= {posixpath.basename(path.path) for path in set(before) ^ set(after)}
        if (was.directory_links if was else ()) != (now.directory_links if now else ()):
            # Whatever lies in a directory may be found by another way now.
            self.names |= {name for file in files for name in file.all_names}
            self.names |= {posixpath.basename(each.path) for each in (*before, *after)}

    def concerns(self, file: LinkedFile) -> bool:
        """Tell whether a file imports or copies one of the symbols gained."""
        names = {symbol.name for symbol in self.gained}
        # To an import with a version what has another one is as good as not there.
        versions = {symbol.version for symbol in self.gained}
        return any(
            not names.isdisjoint(group.names)
            for group in file.facts.imported
            if not group.version or "" in versions or group.version in versions
        ) or any(copy.name in names for copy in file.details.copies)
