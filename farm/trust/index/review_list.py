"""The signed record of reviews: which packages were reviewed for vulnerabilities, and when the advisories were signed.

It is a document of its own next to the list of advisories: earlier farms refuse a list with unknown members, and ignore
documents that they do not know.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from farm.core.advisories.reviews import InvalidReviewError, Review, Time
from farm.core.names.digest import Digest
from farm.core.names.form import Form
from farm.core.names.utc import utc_text
from farm.errors import FarmError
from farm.trust.index.release_time import CLOCK_TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Iterable


class InvalidReviewListError(FarmError):
    """A record of reviews cannot be read, or may not follow the published one."""

    code = "invalid-review-list"


@dataclass(frozen=True, slots=True)
class ReviewList(Form, record="record of reviews", outside={"_newest"}, constants={"format": 1}, extensible=True):
    """All reviews of a distribution, the newest of each package and source, sorted.

    `signed` is when the list of advisories of the digest `advisories` was first signed: its signature is renewed from
    time to time, which does not change `signed`.
    """

    distribution: str
    reviews: tuple[Review, ...] = ()
    advisories: Digest | None = None
    signed: Time | None = None
    _newest: dict[str, datetime] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        for review in self.reviews:
            self._newest[review.package] = max(review.at, self._newest.get(review.package, review.at))

    def reviewed_at(self, package: str) -> datetime | None:
        """Return when a package was reviewed last; None for never."""
        return self._newest.get(package)

    def signed_at(self, advisories: Digest) -> datetime | None:
        """Return when this list of advisories was signed; None if that is not recorded."""
        return self.signed if advisories == self.advisories else None

    @classmethod
    def from_json(cls, content: bytes) -> ReviewList:
        """Read a record of reviews, and ignore members of later farms. Raises `InvalidReviewListError`."""
        try:
            return cls.read_json(content, InvalidReviewListError)
        except InvalidReviewError as error:
            raise InvalidReviewListError(f"this is not a valid record of reviews: {error}") from error


def check_reviews(new: Iterable[Review], before: ReviewList | None, now: datetime) -> None:
    """Refuse reviews that are unsorted, in the future, or older than the published one of a package and source.

    Raises `InvalidReviewListError`.
    """
    listed = list(new)
    keys = [(review.package, review.source) for review in listed]
    if keys != sorted(set(keys)):
        raise InvalidReviewListError("the reviews are not sorted, or one is there twice")
    known = {(review.package, review.source): review.at for review in before.reviews} if before else {}
    for review in listed:
        if review.at > now + CLOCK_TOLERANCE:
            raise InvalidReviewListError(
                f"the review of {review.package} is dated {utc_text(review.at)}, in the future"
            )
        if review.at < known.get((review.package, review.source), review.at):
            raise InvalidReviewListError(f"the review of {review.package} is older than what is published")


def check_none_left_out(new: Iterable[Review], before: ReviewList) -> None:
    """Refuse a record that leaves out a published package and source. Raises `InvalidReviewListError`."""
    there = {(review.package, review.source) for review in new}
    for review in before.reviews:
        if (review.package, review.source) not in there:
            raise InvalidReviewListError(f"the record leaves out the review of {review.package}")
