"""From rows to the signed list of advisories that clients see: blobs first, then the signer's signature."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from farm.blobs import BlobStore
from farm.compat.openvex import write_openvex
from farm.control.advisories import read_kept, statements_in_force
from farm.database import advisories as rows
from farm.database import reviews
from farm.errors import FarmError
from farm.plan import BlobRef
from farm.trust.advisory_index import AdvisoryIndex, ListedAdvisory
from farm.trust.layout import BLOBS
from farm.trust.review_list import ReviewList

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.control.desk import Desk, Office
    from farm.database.advisories import KeptAdvisory

_LOG = logging.getLogger("farm.release")


class AdvisorySigner(Protocol):
    """Whoever holds the key of the role `advisories`."""

    def publish_advisories(self, index: AdvisoryIndex) -> None:
        """Make this the list that clients see; does nothing when it is. Raises a `FarmError` when refused."""

    def publish_reviews(self, stated: ReviewList) -> None:
        """Make this the record of looking that clients see, beside the list that they see. Raises the same."""


class AdvisoryPublication:
    """Publishes the list when rows have changed since it did so last. For one thread."""

    def __init__(self, office: Office, repository: Path, signer: AdvisorySigner) -> None:
        self._office = office
        self._public = BlobStore(repository / BLOBS)
        self._signer = signer
        self._published: object = None
        self._told = ""

    def advance(self) -> bool:
        """Publish if there is something new, and say whether it was tried; what fails is tried again next time."""
        with self._office.reading() as desk:
            state = (rows.state_of_advisories(desk.session), reviews.state_of_reviews(desk.session))
            if state == self._published:
                return False
            index = self._index(desk)
            looked = ReviewList(index.distribution, tuple(reviews.reviews(desk.session)))
        try:
            self._signer.publish_advisories(index)
            if looked.reviews:
                self._signer.publish_reviews(looked)
        except FarmError as error:
            # The clock comes back in seconds: once is enough to say the same.
            if error.message != self._told:
                _LOG.error("the advisories are not published: %s %s", error.message, error.remedy)
            self._told = error.message
        else:
            self._published, self._told = state, ""
            _LOG.info("published the list of %d advisories", len(index.advisories))
        return True

    def _index(self, desk: Desk) -> AdvisoryIndex:
        distribution = desk.world.distribution
        listed = tuple(
            ListedAdvisory(each.id, self._keep(each.body.encode()), read_kept(desk, each).packages)
            for each in _all(desk)
        )
        statements = statements_in_force(desk)
        if not statements:
            return AdvisoryIndex(distribution, listed)
        # Its time is that of the newest statement, so that the same statements make the same blob.
        newest = max(each.at for each in statements)
        document = self._keep(write_openvex(statements, distribution, at=newest))
        return AdvisoryIndex(distribution, listed, document)

    def _keep(self, content: bytes) -> BlobRef:
        return BlobRef(self._public.put_bytes(content), len(content))


def _all(desk: Desk) -> Iterator[KeptAdvisory]:
    after = ""
    while page := rows.advisories(desk.session, after=after, limit=500):
        yield from page
        after = page[-1].id
