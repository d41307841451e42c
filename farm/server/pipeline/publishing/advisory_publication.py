"""Publishes the list of advisories that clients see, from rows: blobs first, then the signer's signature.

The list has what was published before, and what was signed since. An unsigned statement is left out until a curator
signs it, because the signer would refuse the whole list. The signer decides by its own ledger; this module only avoids
requests that it would refuse.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from farm.core.advisories.openvex import read_published
from farm.core.plan.job import BlobRef
from farm.errors import FarmError
from farm.server.advisories import advisories as rows
from farm.server.advisories import reviews
from farm.server.advisories.advisory_intake import all_statements, read_kept
from farm.server.curation import signed_orders
from farm.server.curation.order_intake import withdrawn_orders
from farm.server.pipeline.repository.signer_client import SignerRefusedError
from farm.store.blobs import BlobStore
from farm.trust.attestation.advisory_statement import Claim, advisory_claim, review_claim, statement_claim
from farm.trust.attestation.curator_order import LONGEST_LIFETIME, Act, read_order
from farm.trust.index.advisory_index import AdvisoryIndex, ListedAdvisory, document_of, in_force, key_of, open_advisory
from farm.trust.index.review_list import ReviewList
from farm.trust.layout import ADVISORIES, ADVISORY_LIST, BLOBS, REVIEW_LIST, advisory_target
from farm.trust.metadata.repository import Repository
from farm.trust.metadata.repository_files import RepositoryStateError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from farm.core.advisories.matching import Advisory, Statement
    from farm.core.advisories.reviews import Review
    from farm.core.names.digest import Digest
    from farm.server.advisories.advisories import KeptAdvisory
    from farm.server.transaction.unit_of_work import Application, UnitOfWork
    from farm.trust.attestation.advisory_statement import Claim


@dataclass(frozen=True)
class PublishedClaims:
    """Published advisories by id, statements by vulnerability, package and version, reviews by package and source."""

    blobs: BlobStore
    distribution: str = ""
    advisories: Mapping[str, ListedAdvisory] = field(default_factory=dict)
    statements: Mapping[tuple[str, str, str], Statement] = field(default_factory=dict)
    reviews: Mapping[tuple[str, str], Review] = field(default_factory=dict)

    @classmethod
    def of(cls, root: Path) -> PublishedClaims:
        """Read what a repository has published; empty if it cannot be read, an error that the signer reports.

        Raises a `FarmError` for invalid lists, and for missing blobs that they name.
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
        """Return whether the published advisory of this id is as new as this one, or newer."""
        listed = self.advisories.get(advisory.id)
        if listed is None:
            return False
        return (
            advisory.modified
            <= open_advisory(listed, self.distribution, lambda blob: self.blobs.read(blob.digest)).modified
        )


def signed_claims(unit: UnitOfWork) -> Collection[Digest] | None:
    """Return the digests that signed orders in the signer's ledger name; None if nothing has to be signed."""
    people = signed_orders.who_orders(unit.session)
    if people is None:
        return None
    found: set[Digest] = set()
    withdrawn = withdrawn_orders(unit, ADVISORIES)
    for kept in signed_orders.delivered_since(unit.session, Act.ADVISE, unit.now - LONGEST_LIFETIME):
        try:
            order = read_order(kept.envelope.encode(), people)
        except FarmError:
            continue  # its signer may no longer give orders
        if order.digest in withdrawn:
            continue
        if order.act is Act.ADVISE and order.distribution == unit.inputs.distribution and unit.now < order.expires:
            found.update(digest for digest in order.packages.values() if digest is not None)
    return found


@dataclass(frozen=True)
class ClaimSelection:
    """Chooses what to publish: what is published, and what is signed (None: nothing has to be).

    `unsigned` collects what is left out for lack of a signature.
    """

    published: PublishedClaims
    signed: Collection[Digest] | None
    distribution: str
    unsigned: dict[Digest, str] = field(default_factory=dict)

    def advisories(self, kept: Iterable[tuple[Advisory, ListedAdvisory, Claim]]) -> tuple[ListedAdvisory, ...]:
        """Return the advisories to list: a published one is never removed, and never replaced by an older one."""
        found = dict(self.published.advisories)
        for advisory, listed, claim in kept:
            before = found.get(listed.id)
            is_there = before is not None and before.document == listed.document
            if is_there or (not self.published.has_newer(advisory) and self._is_signed(claim)):
                found[listed.id] = listed
        return tuple(found[name] for name in sorted(found))

    def statements(self, kept: Iterable[Statement]) -> tuple[Statement, ...]:
        """Return the statements to publish: the newest permitted one for each vulnerability, package and version."""
        found = dict(self.published.statements)
        for statement in sorted(kept, key=lambda one: one.at, reverse=True):
            key = key_of(statement)
            if (key not in found or statement.at > found[key].at) and self._is_signed(
                statement_claim(statement, self.distribution)
            ):
                found[key] = statement
        return tuple(found[key] for key in sorted(found))

    def reviews(self, kept: Iterable[Review]) -> tuple[Review, ...]:
        """Return the reviews to publish."""
        found = dict(self.published.reviews)
        for review in kept:
            before = found.get((review.package, review.source))
            if (before is None or review.at > before.at) and self._is_signed(review_claim(review)):
                found[review.package, review.source] = review
        return tuple(found[key] for key in sorted(found))

    def _is_signed(self, claim: Claim) -> bool:
        if self.signed is None or claim.digest in self.signed:
            return True
        self.unsigned[claim.digest] = claim.label
        return False


_MOST_SHOWN = 5
_LOG = logging.getLogger("farm.server.pipeline")
_AGAIN = timedelta(seconds=20)


class AdvisorySigner(Protocol):
    """The process with the key of the role `advisories`."""

    def publish_advisories(self, index: AdvisoryIndex) -> None:
        """Make this the list that clients see; does nothing if it is already. Raises a `FarmError` if refused."""

    def publish_reviews(self, stated: ReviewList) -> None:
        """Make this the record of reviews that clients see with the list. Raises a `FarmError` if refused."""


class AdvisoryPublication:
    """Publishes the list when rows have changed since the last time. For one thread."""

    def __init__(self, application: Application, repository: Path, signer: AdvisorySigner) -> None:
        self._application = application
        self._repository = repository
        self._public = BlobStore(repository / BLOBS)
        self._signer = signer
        self._published: object = None
        self._logged = ""
        self._failed: object = None
        self._again = datetime.min.replace(tzinfo=UTC)

    def advance(self) -> bool:
        """Publish if there are changes, and return whether that was tried; a failed attempt is repeated next time."""
        with self._application.reading() as unit:
            state = _state(unit)
            now = unit.now
        if state == self._published or (state == self._failed and now < self._again):
            return False
        try:
            index, stated = self._chosen()
            self._signer.publish_advisories(index)
            if stated.reviews:
                self._signer.publish_reviews(stated)
        except FarmError as error:
            # The timer fires again within seconds: logging the same once is enough.
            if error.message != self._logged:
                _LOG.error("the advisories are not published: %s %s", error.message, error.remedy)
            self._logged = error.message
            if isinstance(error, SignerRefusedError):
                # A request costs a whole check, which others wait for: the same one is repeated only after a pause.
                self._failed, self._again = state, now + _AGAIN
        else:
            self._published, self._logged = state, ""
            _LOG.info("published the list of %d advisories", len(index.advisories))
        return True

    def _chosen(self) -> tuple[AdvisoryIndex, ReviewList]:
        """Return what is to be published, and record what is left out for lack of a signature."""
        published = PublishedClaims.of(self._repository)
        with self._application.reading() as unit:
            choice = ClaimSelection(published, signed_claims(unit), unit.inputs.distribution)
            listed = choice.advisories(self._listed(unit, advisory) for advisory in _all(unit))
            statements = choice.statements(all_statements(unit))
            document = self._keep(document_of(statements, unit.inputs.distribution)) if statements else None
            index = AdvisoryIndex(unit.inputs.distribution, listed, document)
            stated = ReviewList(unit.inputs.distribution, choice.reviews(reviews.reviews(unit.session)))
            known = signed_orders.unsigned_claims(unit.session)
        if new := choice.unsigned.keys() - known.keys():
            shown = ", ".join(sorted(choice.unsigned[digest] for digest in new)[:_MOST_SHOWN])
            _LOG.warning("not published, because nobody has signed it (%d in all): %s", len(new), shown)
        if choice.unsigned != known:
            with self._application.writing() as unit:
                signed_orders.set_unsigned_claims(unit.session, choice.unsigned)
        return index, stated

    def _listed(self, unit: UnitOfWork, kept: KeptAdvisory) -> tuple[Advisory, ListedAdvisory, Claim]:
        advisory = read_kept(unit, kept)
        listed = ListedAdvisory(kept.id, self._keep(kept.body.encode()), advisory.packages)
        return advisory, listed, advisory_claim(json.loads(kept.body))

    def _keep(self, content: bytes) -> BlobRef:
        return BlobRef(self._public.put_bytes(content), len(content))


def _state(unit: UnitOfWork) -> object:
    return (
        rows.state_of_advisories(unit.session),
        reviews.state_of_reviews(unit.session),
        signed_orders.state_of_delivered(unit.session, Act.ADVISE),
        signed_orders.state_of_delivered(unit.session, Act.WITHDRAW_ORDER),
    )


def _all(unit: UnitOfWork) -> Iterator[KeptAdvisory]:
    after = ""
    while page := rows.advisories(unit.session, after=after, limit=500):
        yield from page
        after = page[-1].id
