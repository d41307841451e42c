"""Which of what is kept about vulnerabilities is published: what was before, and what somebody has signed since.

One word that nobody has signed is left out until somebody does, for the signer would refuse all that came with it. The
signer decides by its own ledger; this only keeps it from being asked for what it would refuse.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm.core.advisories.openvex import read_published
from farm.errors import FarmError
from farm.server.curation import signed_orders
from farm.server.curation.order_intake import withdrawn_orders
from farm.store.blobs import BlobStore
from farm.trust.attestation.advisory_statement import Word, review_word, statement_word
from farm.trust.attestation.curator_order import LONGEST_LIFETIME, Act, read_order
from farm.trust.index.advisory_index import AdvisoryIndex, in_force, key_of, open_advisory
from farm.trust.index.review_list import ReviewList
from farm.trust.layout import ADVISORIES, ADVISORY_LIST, BLOBS, REVIEW_LIST, advisory_target
from farm.trust.metadata.repository import Repository
from farm.trust.metadata.repository_files import RepositoryStateError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from farm.core.advisories.matching import Advisory, Statement
    from farm.core.advisories.reviews import Review
    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef
    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.trust.index.advisory_index import ListedAdvisory


@dataclass(frozen=True)
class PublishedWords:
    """What is published: advisories by id, statements by vulnerability, package and version, reviews by package and
    source.
    """

    blobs: BlobStore
    distribution: str = ""
    advisories: Mapping[str, ListedAdvisory] = field(default_factory=dict)
    statements: Mapping[tuple[str, str, str], Statement] = field(default_factory=dict)
    reviews: Mapping[tuple[str, str], Review] = field(default_factory=dict)

    @classmethod
    def of(cls, root: Path) -> PublishedWords:
        """Read what a repository has published: nothing, where it cannot be read. Of that the signer says why.

        Raises a `FarmError` for lists that are none, and what they name that is not there.
        """
        repository, blobs = Repository(root), BlobStore(root / BLOBS)
        try:
            targets = repository.delegated(repository.head(), ADVISORIES).targets
        except RepositoryStateError:
            return cls(blobs)
        listed, looked = (targets.get(advisory_target(name)) for name in (ADVISORY_LIST, REVIEW_LIST))
        if listed is None:
            return cls(blobs)
        index = AdvisoryIndex.from_json(repository.read_target(listed))
        stated = read_published(blobs.read(index.statements.digest), index.distribution) if index.statements else ()
        reviews = ReviewList.from_json(repository.read_target(looked)).reviews if looked else ()
        return cls(
            blobs,
            index.distribution,
            {advisory.id: advisory for advisory in index.advisories},
            in_force(stated),
            {(review.package, review.source): review for review in reviews},
        )

    def has_newer(self, advisory: Advisory) -> bool:
        """Say whether an advisory that is not published is no newer than the one of its name that is."""
        listed = self.advisories.get(advisory.id)
        if listed is None:
            return False
        return advisory.modified <= open_advisory(listed, self.distribution, self._read).modified

    def _read(self, blob: BlobRef) -> bytes:
        return self.blobs.read(blob.digest)


def signed_words(unit: UnitOfWork) -> Collection[Digest] | None:
    """Return the digests of what the signer has signed orders for; None where nothing need be signed."""
    people = signed_orders.who_orders(unit.session)
    if people is None:
        return None
    found: set[Digest] = set()
    withdrawn = withdrawn_orders(unit, ADVISORIES)
    for kept in signed_orders.brought_since(unit.session, Act.ADVISE, unit.now - LONGEST_LIFETIME):
        try:
            order = read_order(kept.envelope.encode(), people)
        except FarmError:
            continue  # of somebody who may not order any more
        if order.digest in withdrawn:
            continue
        if order.act is Act.ADVISE and order.distribution == unit.world.distribution and unit.now < order.expires:
            found.update(digest for digest in order.packages.values() if digest is not None)
    return found


class Choice:
    """Chooses among what is kept. `unsigned` gathers what is left out for want of a signature."""

    def __init__(self, published: PublishedWords, signed: Collection[Digest] | None, distribution: str) -> None:
        self.unsigned: dict[Digest, str] = {}
        self._published = published
        self._signed = signed
        self._distribution = distribution

    def advisories(self, kept: Iterable[tuple[Advisory, ListedAdvisory, Word]]) -> tuple[ListedAdvisory, ...]:
        """Return the advisories to list: none that is published goes, or becomes older."""
        found = dict(self._published.advisories)
        for advisory, listed, word in kept:
            before = found.get(listed.id)
            is_there = before is not None and before.document == listed.document
            if is_there or (not self._published.has_newer(advisory) and self._may_say(word)):
                found[listed.id] = listed
        return tuple(found[each] for each in sorted(found))

    def statements(self, kept: Iterable[Statement]) -> tuple[Statement, ...]:
        """Return the statements to publish: of each vulnerability, package and version the newest that may be."""
        found = dict(self._published.statements)
        for statement in sorted(kept, key=lambda one: one.at, reverse=True):
            key = key_of(statement)
            if (key not in found or statement.at > found[key].at) and self._may_say(
                statement_word(statement, self._distribution)
            ):
                found[key] = statement
        return tuple(found[key] for key in sorted(found))

    def reviews(self, kept: Iterable[Review]) -> tuple[Review, ...]:
        """Return the reviews to publish."""
        found = dict(self._published.reviews)
        for review in kept:
            before = found.get((review.package, review.source))
            if (before is None or review.at > before.at) and self._may_say(review_word(review)):
                found[review.package, review.source] = review
        return tuple(found[key] for key in sorted(found))

    def _may_say(self, word: Word) -> bool:
        if self._signed is None or word.digest in self._signed:
            return True
        self.unsigned[word.digest] = word.told
        return False
