"""What is worth knowing of a set that holds, as values; each says it in one sentence. A note refuses nothing.

Packages are told by their labels, `jq 1.7.1-1`; as long as a set changes by their names alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from farm.core.sets.findings.problem import Finding, listed

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Note(Finding):
    """One thing to know. `code` is its kind."""

    code: ClassVar[str] = "note"

    def labelled(self, label: Callable[[str], str]) -> Note:
        """Return it with the labels of the packages in place of their names."""
        return replace(self, **{field: label(getattr(self, field)) for field in self._PACKAGES})


@dataclass(frozen=True, slots=True)
class Interposition(Note):
    """Two files that are loaded together export the same symbols, and a third imports them: it takes the first's."""

    code: ClassVar[str] = "interposition"
    _PACKAGES: ClassVar[tuple[str, ...]] = ("package", "winner", "loser")
    package: str
    file: str
    symbols: tuple[str, ...]
    winning_file: str
    winner: str
    losing_file: str
    loser: str

    @property
    def message(self) -> str:  # noqa: D102
        return (
            f"{self.package}: {self.file} imports {listed(self.symbols)}, and takes "
            f"{'it' if len(self.symbols) == 1 else 'them'} from {self.winning_file} of {self.winner}, "
            f"not from {self.losing_file} of {self.loser}"
        )


@dataclass(frozen=True, slots=True)
class LostVersions(Note):
    """A file needs versions of a library that defines none any more: the loader warns at each start."""

    code: ClassVar[str] = "lost-versions"
    _PACKAGES: ClassVar[tuple[str, ...]] = ("package", "provider")
    package: str
    file: str
    library: str
    provider: str

    @property
    def message(self) -> str:  # noqa: D102
        return (
            f"{self.package}: {self.file} needs versions of {self.library}, and that of {self.provider} has none: "
            "the loader warns of it at each start"
        )


@dataclass(frozen=True, slots=True)
class MissingRecommended(Note):
    """A file may open one of these libraries while it runs, which is recommended, and the set has none of them."""

    code: ClassVar[str] = "missing-recommended"
    package: str
    file: str
    libraries: tuple[str, ...]
    feature: str

    @property
    def message(self) -> str:  # noqa: D102
        purpose = f" for {self.feature}" if self.feature else ""
        either = " or ".join(self.libraries)
        return f"{self.package}: {self.file} may open {either}{purpose}, which no package of the set provides"


@dataclass(frozen=True, slots=True)
class Underlinked(Note):
    """A library does not find `symbols` (or not what it was linked with) by itself, and finds them in these programs.

    Of what may open it besides them nothing is proven.
    """

    code: ClassVar[str] = "underlinked"
    package: str
    file: str
    symbols: tuple[str, ...]
    programs: tuple[str, ...]

    @property
    def message(self) -> str:  # noqa: D102
        what = listed(self.symbols) if self.symbols else "what it was linked with"
        return (
            f"{self.package}: {self.file} finds {what} only where {listed(self.programs)} of the set "
            f"load{'s' if len(self.programs) == 1 else ''} it, not by itself"
        )


@dataclass(frozen=True, slots=True)
class DanglingLibraryLinks(Note):
    """Links with the names of libraries lead to nothing, where only a loader looks, to which they are not there."""

    code: ClassVar[str] = "dangling-library-link"
    package: str
    links: tuple[tuple[str, str], ...]

    @property
    def message(self) -> str:  # noqa: D102
        path, target = self.links[0]
        more = len(self.links) - 1
        others = f", and {more:,} more likewise" if more else ""
        return f"{self.package}: the link {path} leads to {target}, which is not there; nothing needs it{others}"
