"""What the published, signed list of advisories says of packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.advisories.openvex import read_published
from farm.trust.index.advisory_index import AdvisoryIndex, open_advisory
from farm.trust.layout import ADVISORIES, ADVISORY_LIST, advisory_target
from farm.trust.metadata.delegation import delegated_roles

if TYPE_CHECKING:
    from farm.checker.reading.described import Described
    from farm.core.advisories.matching import Advisory, Statement
    from farm.trust.metadata.repository import Repository


class PublishedAdvisories:
    """The list of a repository as it is published now, read when somebody asks first."""

    def __init__(self, repository: Repository, described: Described) -> None:
        self._repository = repository
        self._described = described
        self._index: AdvisoryIndex | None = None
        self._statements: tuple[Statement, ...] = ()
        self._is_read = False

    def about(self, name: str) -> tuple[list[Advisory], tuple[Statement, ...]]:
        """Return the advisories that speak of a package, by the name that the list knows it by, and all statements.

        Raises `RepositoryStateError`, `InvalidAdvisoryIndexError`, `MissingBlobError` and the like.
        """
        if not self._is_read:
            self._read()
            self._is_read = True
        if self._index is None:
            return [], ()
        listed = self._index.about({name})
        found = [open_advisory(advisory, self._index.distribution, self._described.blob) for advisory in listed]
        return found, self._statements

    def _read(self) -> None:
        head = self._repository.head()
        if ADVISORIES not in delegated_roles(head.targets):
            return  # a repository of before there were any
        target = self._repository.delegated(head, ADVISORIES).targets.get(advisory_target(ADVISORY_LIST))
        if target is None:
            return
        self._index = AdvisoryIndex.from_json(self._repository.read_target(target))
        if self._index.statements:
            content = self._described.blob(self._index.statements)
            self._statements = read_published(content, self._index.distribution)
