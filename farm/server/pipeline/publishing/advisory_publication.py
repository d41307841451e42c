"""From rows to the signed list of advisories that clients see: blobs first, then the signer's signature."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from farm.core.plan.job import BlobRef
from farm.errors import FarmError
from farm.server.advisories import advisories as rows
from farm.server.advisories import reviews
from farm.server.advisories.advisory_intake import all_statements, read_kept
from farm.server.curation import signed_orders
from farm.server.pipeline.publication.signer_client import SignerRefusedError
from farm.server.pipeline.publishing.advisory_selection import Choice, PublishedWords, signed_words
from farm.store.blobs import BlobStore
from farm.trust.attestation.advisory_statement import advisory_word
from farm.trust.attestation.curator_order import Act
from farm.trust.index.advisory_index import AdvisoryIndex, ListedAdvisory, document_of
from farm.trust.index.review_list import ReviewList
from farm.trust.layout import BLOBS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.core.advisories.matching import Advisory
    from farm.server.advisories.advisories import KeptAdvisory
    from farm.server.transaction.unit_of_work import Application, UnitOfWork
    from farm.trust.attestation.advisory_statement import Word

_MOST_TOLD = 5
_LOG = logging.getLogger("farm.server.pipeline")
_AGAIN = timedelta(seconds=20)


class AdvisorySigner(Protocol):
    """Whoever holds the key of the role `advisories`."""

    def publish_advisories(self, index: AdvisoryIndex) -> None:
        """Make this the list that clients see; does nothing when it is. Raises a `FarmError` when refused."""

    def publish_reviews(self, stated: ReviewList) -> None:
        """Make this the record of looking that clients see, beside the list that they see. Raises the same."""


class AdvisoryPublication:
    """Publishes the list when rows have changed since it did so last. For one thread."""

    def __init__(self, application: Application, repository: Path, signer: AdvisorySigner) -> None:
        self._application = application
        self._repository = repository
        self._public = BlobStore(repository / BLOBS)
        self._signer = signer
        self._published: object = None
        self._told = ""
        self._failed: object = None
        self._again = datetime.min.replace(tzinfo=UTC)

    def advance(self) -> bool:
        """Publish if there is something new, and say whether it was tried; what fails is tried again next time."""
        with self._application.reading() as unit:
            state = _state(unit)
            now = unit.now
        if state == self._published or (state == self._failed and now < self._again):
            return False
        try:
            index, looked = self._chosen()
            self._signer.publish_advisories(index)
            if looked.reviews:
                self._signer.publish_reviews(looked)
        except FarmError as error:
            # The clock comes back in seconds: once is enough to say the same.
            if error.message != self._told:
                _LOG.error("the advisories are not published: %s %s", error.message, error.remedy)
            self._told = error.message
            if isinstance(error, SignerRefusedError):
                # It costs a whole look, which others wait for: what is the same is asked again after a while.
                self._failed, self._again = state, now + _AGAIN
        else:
            self._published, self._told = state, ""
            _LOG.info("published the list of %d advisories", len(index.advisories))
        return True

    def _chosen(self) -> tuple[AdvisoryIndex, ReviewList]:
        """Return what is to be published, and write down what is left out because nobody has signed it."""
        published = PublishedWords.of(self._repository)
        with self._application.reading() as unit:
            choice = Choice(published, signed_words(unit), unit.world.distribution)
            chosen = self._index(unit, choice), self._looked(unit, choice)
            known = signed_orders.unsigned_words(unit.session)
        if new := choice.unsigned.keys() - known.keys():
            told = ", ".join(sorted(choice.unsigned[digest] for digest in new)[:_MOST_TOLD])
            _LOG.warning("nobody has signed, so it is not published (%d in all): %s", len(new), told)
        if choice.unsigned != known:
            with self._application.writing() as unit:
                signed_orders.set_unsigned_words(unit.session, choice.unsigned)
        return chosen

    def _index(self, unit: UnitOfWork, choice: Choice) -> AdvisoryIndex:
        listed = choice.advisories(self._listed(unit, advisory) for advisory in _all(unit))
        statements = choice.statements(all_statements(unit))
        document = self._keep(document_of(statements, unit.world.distribution)) if statements else None
        return AdvisoryIndex(unit.world.distribution, listed, document)

    def _looked(self, unit: UnitOfWork, choice: Choice) -> ReviewList:
        return ReviewList(unit.world.distribution, choice.reviews(reviews.reviews(unit.session)))

    def _listed(self, unit: UnitOfWork, kept: KeptAdvisory) -> tuple[Advisory, ListedAdvisory, Word]:
        advisory = read_kept(unit, kept)
        listed = ListedAdvisory(kept.id, self._keep(kept.body.encode()), advisory.packages)
        return advisory, listed, advisory_word(json.loads(kept.body))

    def _keep(self, content: bytes) -> BlobRef:
        return BlobRef(self._public.put_bytes(content), len(content))


def _state(unit: UnitOfWork) -> object:
    return (
        rows.state_of_advisories(unit.session),
        reviews.state_of_reviews(unit.session),
        signed_orders.state_of_brought(unit.session, Act.ADVISE),
        signed_orders.state_of_brought(unit.session, Act.WITHDRAW_ORDER),
    )


def _all(unit: UnitOfWork) -> Iterator[KeptAdvisory]:
    after = ""
    while page := rows.advisories(unit.session, after=after, limit=500):
        yield from page
        after = page[-1].id
