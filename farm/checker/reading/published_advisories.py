"""The published, signed list of advisories, by package."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from farm.core.advisories.openvex import read_published
from farm.trust.index.advisory_index import AdvisoryIndex, open_advisory
from farm.trust.layout import ADVISORIES, ADVISORY_LIST, advisory_target
from farm.trust.metadata.delegation import delegated_roles

if TYPE_CHECKING:
    from farm.checker.reading.published_documents import PublishedDocuments
    from farm.core.advisories.matching import Advisory, Statement
    from farm.trust.metadata.repository import Repository


class PublishedAdvisories:
    """The list of a repository as it is published now, read when it is first needed."""

    def __init__(self, repository: Repository, described: PublishedDocuments) -> None:
        self._repository = repository
        self._described = described

    def about(self, name: str) -> tuple[list[Advisory], tuple[Statement, ...]]:
        """Return the advisories about a package, by its name in the list, and all statements.

        Raises `RepositoryStateError`, `InvalidAdvisoryIndexError`, `MissingBlobError` and the like.
        """
        index = self._index
        if index is None:
            return [], ()
        listed = index.about({name})
        found = [open_advisory(advisory, index.distribution, self._described.blob) for advisory in listed]
        return found, self._statements

    @cached_property
    def _index(self) -> AdvisoryIndex | None:
        head = self._repository.head()
        if ADVISORIES not in delegated_roles(head.targets):
            return None  # a repository of an earlier farm
        target = self._repository.delegated(head, ADVISORIES).targets.get(advisory_target(ADVISORY_LIST))
        return AdvisoryIndex.from_json(self._repository.read_target(target)) if target else None

    @cached_property
    def _statements(self) -> tuple[Statement, ...]:
        if self._index is None or self._index.statements is None:
            return ()
        return read_published(self._described.blob(self._index.statements), self._index.distribution)
