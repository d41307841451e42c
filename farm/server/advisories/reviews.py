"""Reviews, which state that packages were checked for vulnerabilities: written and read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import col, func, select

from farm.core.advisories.reviews import Review
from farm.server.tables.curation_rows import ReviewRow

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlmodel import Session


def keep_reviews(session: Session, reviews: Iterable[Review], *, by: str, now: datetime) -> tuple[Review, ...]:
    """Store the reviews that are newer than the stored ones of the same package and source; return them."""
    kept = []
    for review in reviews:
        row = session.get(ReviewRow, (review.package, review.source), populate_existing=True)
        if row is None or row.at < review.at:
            session.merge(
                ReviewRow(package=review.package, source=review.source, at=review.at, stated_by=by, stated_at=now)
            )
            kept.append(review)
    return tuple(kept)


def reviews(session: Session, *, package: str = "") -> list[Review]:
    """Return all reviews, or those of one package, by package and source."""
    query = select(ReviewRow).where(col(ReviewRow.package) == package) if package else select(ReviewRow)
    return sorted(Review(row.package, row.source, row.at) for row in session.exec(query))


def state_of_reviews(session: Session) -> tuple[int, datetime | None]:
    """Return a value that changes with every review: the number of reviews, and the time of the last."""
    count = session.exec(select(func.count()).select_from(ReviewRow)).one()
    return count, session.exec(select(func.max(ReviewRow.stated_at))).one()
