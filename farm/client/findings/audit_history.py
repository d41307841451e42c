"""Since when a package was there, and which release first mended it: looking back from the newest release."""

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
    """About a package by what the release calls it: which build is held (None: that of the newest release), and
    whether another build is mended.
    """

    name: str
    held: Digest | None
    is_mended: Callable[[ReleaseEntry], bool]


@dataclass(frozen=True, slots=True)
class Answer:
    """`since` is the first release that held the build, of those without a break; `fixed_in` the first that is mended,
    of those up to the newest without a break. None where there is none, or none can be had.
    """

    since: Release | None = None
    fixed_in: Release | None = None


def answer(catalogue: Catalogue, questions: Sequence[Question]) -> list[Answer]:
    """Return the answers in the order of the questions. Looks no further back than it must."""
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
        pass  # a mirror need not keep them all
    return [Answer(one.since, one.fixed_in) for one in open_ones]


class _Open:
    """A question that is being answered while releases go by, the newest first."""

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
        """A package of another distribution: only the release says which one is taken, not those before."""
        try:
            entry = catalogue.entry(self.question.name)
        except UnknownPackageError:
            return
        if entry.descriptor.digest != self._held and self.question.is_mended(entry):
            self.fixed_in = catalogue.release
