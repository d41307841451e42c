"""Since when a package is affected, and which release first fixed it: searched back from the newest release."""

from __future__ import annotations

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

    `held` is the installed build (None: that of the newest release), `is_mended` whether another build is fixed.
    """

    name: str
    held: Digest | None
    is_mended: Callable[[ReleaseEntry], bool]


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
    open_ones = [_Open(catalogue, question) for question in questions]
    waiting = [one for one in open_ones if not one.is_imported]
    try:
        for release, index in releases_back(catalogue):
            if not waiting:
                break
            for each in waiting:
                each.see(release, index.entry(each.question.name))
            waiting = [each for each in waiting if not each.is_answered]
    except (DownloadError, InvalidReleaseError):
        pass  # a mirror need not have all of them
    return [Answer(one.since, one.fixed_in) for one in open_ones]


class _Open:
    """An open question, to which releases are shown, the newest first."""

    def __init__(self, catalogue: Catalogue, question: Question) -> None:
        self.question = question
        self.since: Release | None = None
        self.fixed_in: Release | None = None
        self.is_imported = "/" in question.name
        self._held = question.held
        self._is_mended = True
        self._was_there = False
        if self.is_imported:
            self._ask_newest(catalogue)

    @property
    def is_answered(self) -> bool:
        return self._was_there and not self._is_mended

    def see(self, release: Release, entry: ReleaseEntry | None) -> None:
        if self._held is None and entry:
            self._held = entry.descriptor.digest
        held = entry is not None and entry.descriptor.digest == self._held
        if held and not self._was_there:
            self.since = release
        elif self.since is not None:
            self._was_there = True
        self._is_mended = self._is_mended and entry is not None and not held and self.question.is_mended(entry)
        if self._is_mended:
            self.fixed_in = release

    def _ask_newest(self, catalogue: Catalogue) -> None:
        """Answer for a package of another distribution: only the importing release states which build it takes."""
        try:
            entry = catalogue.entry(self.question.name)
        except UnknownPackageError:
            return
        if entry.descriptor.digest != self._held and self.question.is_mended(entry):
            self.fixed_in = catalogue.release
