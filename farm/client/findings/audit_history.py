"""Since when a package is affected, and which release first fixed it: searched back from the newest release."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.client.repository.catalogue import UnknownPackageError
from farm.client.repository.download import DownloadError
from farm.client.repository.earlier_releases import releases_back
from farm.trust.index.release_index import InvalidReleaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from farm.client.repository.catalogue import Catalogue
    from farm.core.names.digest import Digest
    from farm.trust.index.release_index import Release, ReleaseEntry


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a package, by its name in the release.

    `held` is the installed build (None: that of the newest release), `is_fixed` whether another build is fixed.
    """

    name: str
    held: Digest | None
    is_fixed: Callable[[ReleaseEntry], bool]


@dataclass(frozen=True, slots=True)
class Answer:
    """`since` is the first of the unbroken row of releases that held the build.

    `fixed_in` is the first of the unbroken row of fixed releases up to the newest. None where there is none, or none
    can be read.
    """

    since: Release | None = None
    fixed_in: Release | None = None


def answer(catalogue: Catalogue, questions: Sequence[Question]) -> list[Answer]:
    """Return the answers in the order of the questions. Searches no further back than necessary."""
    searches = [_Search(catalogue, question) for question in questions]
    waiting = [search for search in searches if not search.is_imported]
    with suppress(DownloadError, InvalidReleaseError):  # a mirror need not have all of them
        for release, index in releases_back(catalogue):
            if not waiting:
                break
            for search in waiting:
                search.see(release, index.entry(search.question.name))
            waiting = [search for search in waiting if not search.is_answered]
    return [Answer(search.since, search.fixed_in) for search in searches]


class _Search:
    """The search for one answer, to which releases are shown, the newest first."""

    def __init__(self, catalogue: Catalogue, question: Question) -> None:
        self.question = question
        self.since: Release | None = None
        self.fixed_in: Release | None = None
        self.is_imported = "/" in question.name
        self._held = question.held
        self._is_fixed = True
        self._was_there = False
        if self.is_imported:
            self._ask_newest(catalogue)

    @property
    def is_answered(self) -> bool:
        return self._was_there and not self._is_fixed

    def see(self, release: Release, entry: ReleaseEntry | None) -> None:
        if self._held is None and entry:
            self._held = entry.descriptor.digest
        held = entry is not None and entry.descriptor.digest == self._held
        if held and not self._was_there:
            self.since = release
        elif self.since is not None:
            self._was_there = True
        self._is_fixed = self._is_fixed and entry is not None and not held and self.question.is_fixed(entry)
        if self._is_fixed:
            self.fixed_in = release

    def _ask_newest(self, catalogue: Catalogue) -> None:
        """Answer for a package of another distribution: only the importing release states which build it takes."""
        try:
            entry = catalogue.entry(self.question.name)
        except UnknownPackageError:
            return
        if entry.descriptor.digest != self._held and self.question.is_fixed(entry):
            self.fixed_in = catalogue.release
