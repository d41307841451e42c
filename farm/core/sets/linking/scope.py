"""The files that are loaded together: in the dynamic loader's order, or an upper bound found by names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from farm.core.sets.linking.linked_file import LinkedFile
    from farm.core.sets.members.search_path import Place


class Survey(NamedTuple):
    """Why a program may load other libraries than each file by itself, or take other symbols from them.

    `shared` are the names that several of the files export. `contested`: a name can lead to several of them. `opens`:
    they may open others while they run.
    """

    shared: set[str]
    contested: bool = False
    opens: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it is enough to prove each file by itself."""
        return not (self.shared or self.contested or self.opens)


@dataclass(slots=True)
class Scope:
    """The files that are loaded together, in the order in which symbols are looked up.

    `files` maps each to the places of DT_RPATH, its own and of those that loaded it. `by_name` has each under the names
    that others needed it by. `complete`: no needed library is missing. `strayed` are the files that get another library
    than if they had been loaded first.
    """

    files: dict[LinkedFile, tuple[Place, ...]] = field(default_factory=dict)
    by_name: dict[str, LinkedFile] = field(default_factory=dict)
    strayed: dict[LinkedFile, None] = field(default_factory=dict)
    complete: bool = True
    level: str = ""
    _by_soname: dict[str, LinkedFile] = field(default_factory=dict)
    _by_path: dict[tuple[str, str], LinkedFile] = field(default_factory=dict)

    def copy(self) -> Scope:
        """Return a copy into which more can be loaded."""
        return Scope(
            dict(self.files), dict(self.by_name), dict(self.strayed), self.complete, self.level,
            dict(self._by_soname), dict(self._by_path),
        )  # fmt: skip

    def take(self, file: LinkedFile, places: tuple[Place, ...]) -> bool:
        """Load a file; return whether it was not loaded yet."""
        if self.same(file) in self.files:
            return False
        self._by_path[file.owner, file.path] = file
        self.files[file] = places
        if file.facts.soname:
            self._by_soname.setdefault(file.facts.soname, file)
        return True

    def same(self, file: LinkedFile) -> LinkedFile:
        """Return the loaded variant of a file, if it is loaded: it may have been opened by another link."""
        return self._by_path.get((file.owner, file.path), file)

    def loaded_as(self, name: str) -> LinkedFile | None:
        """Return the file that is loaded under a name: one that others needed it by, or its soname."""
        known = self.by_name.get(name)
        if known is None and (known := self._by_soname.get(name)) is not None:
            self.by_name[name] = known
        return known
