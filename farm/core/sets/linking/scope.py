"""What is loaded together: in the dynamic loader's order, or as far as names tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from farm.core.sets.linking.linked_file import LinkedFile
    from farm.core.sets.members.search_path import Place


class Survey(NamedTuple):
    """What can make a program load other libraries than each of these by itself, or take other symbols of them.

    `shared` are names that several of them export, `contested`: a name can lead to more than one of them, `opens`: they
    may open others while they run.
    """

    shared: set[str]
    contested: bool = False
    opens: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it is enough to look at each file by itself."""
        return not (self.shared or self.contested or self.opens)


@dataclass(slots=True)
class Scope:
    """What is loaded together, in the order in which symbols are looked up.

    `files` has each with the places where DT_RPATH, its own and of those that have loaded it, makes it look.
    `by_name` has each under the names that it was asked for by. `complete`: nothing that is needed lacks. `strayed` are
    those of which a need is met by another file than if they were loaded first.
    """

    files: dict[LinkedFile, tuple[Place, ...]] = field(default_factory=dict)
    by_name: dict[str, LinkedFile] = field(default_factory=dict)
    strayed: dict[LinkedFile, None] = field(default_factory=dict)
    complete: bool = True
    level: str = ""
    _by_soname: dict[str, LinkedFile] = field(default_factory=dict)
    _by_path: dict[tuple[str, str], LinkedFile] = field(default_factory=dict)

    def copy(self) -> Scope:
        """Return another one, in which more can be loaded."""
        return Scope(
            dict(self.files), dict(self.by_name), dict(self.strayed), self.complete, self.level,
            dict(self._by_soname), dict(self._by_path),
        )  # fmt: skip

    def take(self, file: LinkedFile, places: tuple[Place, ...]) -> bool:
        """Load a file; say whether it was not loaded yet."""
        if self.same(file) in self.files:
            return False
        self._by_path[file.owner, file.path] = file
        self.files[file] = places
        if file.facts.soname:
            self._by_soname.setdefault(file.facts.soname, file)
        return True

    def same(self, file: LinkedFile) -> LinkedFile:
        """Return a file as it is loaded, where it is: it may have been opened by another link."""
        return self._by_path.get((file.owner, file.path), file)

    def loaded_as(self, name: str) -> LinkedFile | None:
        """Return what is loaded under a name already: one that it was asked for by, or what it calls itself."""
        known = self.by_name.get(name)
        if known is None and (known := self._by_soname.get(name)) is not None:
            self.by_name[name] = known
        return known
