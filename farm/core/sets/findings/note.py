"""What is worth knowing about a set, as values; each says it in one sentence. A note refuses nothing.

Packages are named by their labels, `jq 1.7.1-1`, and by their names alone while a set is being proven.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.core.sets.findings.problem import Finding, listed

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Note(Finding, code="note"):
    """Something worth knowing about a package."""

    package: str

    def labelled(self, label: Callable[[str], str]) -> Note:
        """Return it with the labels of the packages in place of their names."""
        return replace(self, **{field: label(getattr(self, field)) for field in self._parties})


@dataclass(frozen=True, slots=True)
class Interposition(Note, code="interposition", parties=("package", "winner", "loser")):
    """Two files that are loaded together export the same symbols; a third imports them, and takes the first file's."""

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
class LostVersions(
    Note,
    code="lost-versions",
    parties=("package", "provider"),
    sentence="{self.package}: {self.file} needs versions of {self.library}, and that of {self.provider} has none: "
    "the loader warns of it at each start",
):
    """A file needs versions of a library that defines none any more: the loader warns at each start."""

    file: str
    library: str
    provider: str


@dataclass(frozen=True, slots=True)
class MissingRecommended(Note, code="missing-recommended"):
    """A file recommends one of these libraries, to open while it runs, and the set has none of them."""

    file: str
    libraries: tuple[str, ...]
    feature: str

    @property
    def message(self) -> str:  # noqa: D102
        purpose = f" for {self.feature}" if self.feature else ""
        either = " or ".join(self.libraries)
        return f"{self.package}: {self.file} may open {either}{purpose}, which no package of the set provides"


@dataclass(frozen=True, slots=True)
class Underlinked(Note, code="underlinked"):
    """A library finds `symbols` (or what it was linked with) only in these programs, and not by itself.

    Nothing is proven about other programs that may open it.
    """

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
class DanglingLibraryLinks(Note, code="dangling-library-link"):
    """Links named like libraries lead to nothing, in a directory that only a loader searches, which skips them."""

    links: tuple[tuple[str, str], ...]

    @property
    def message(self) -> str:  # noqa: D102
        path, target = self.links[0]
        more = len(self.links) - 1
        others = f", and {more:,} more likewise" if more else ""
        return f"{self.package}: the link {path} leads to {target}, which is not there; nothing needs it{others}"
