"""Reviews: the packages that a curator states to have checked for vulnerabilities; each with its audit row."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from farm.core.advisories.reviews import Review, checked_source
from farm.core.names.package_name import PackageName
from farm.core.names.utc import utc_text
from farm.core.recipe.distributions import check_known
from farm.server.advisories import reviews as rows
from farm.server.advisories.advised import check_packages
from farm.server.advisories.advisory_intake import in_future
from farm.server.curation.order_intake import take_words
from farm.server.identities.access import audit
from farm.trust.attestation.advisory_statement import review_word
from farm.trust.index.release_time import CLOCK_TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from farm.server.identities.access import Actor
    from farm.server.transaction.unit_of_work import UnitOfWork


def state_reviews(
    unit: UnitOfWork,
    actor: Actor,
    names: Iterable[str],
    source: str,
    *,
    at: datetime | None = None,
    envelope: bytes | None = None,
) -> tuple[tuple[Review, ...], int]:
    """Record that packages were checked against a source, now or earlier; return the reviews, and how many are new.

    Where a policy is signed, new reviews must be signed too, in `envelope`; raises what `take_words` raises.
    Raises `InvalidReviewError`, `in_future`, `InvalidPackageNameError`, the error of `check_packages`, and
    `InvalidValueError` for a package of a distribution that the recipes do not name.
    """
    distribution = unit.inputs.distribution
    checked_source(source)
    found = sorted({PackageName.parse(name, within=distribution).inside(distribution) for name in names})
    for each in found:
        check_known(each, unit.inputs.foreign.keys())
    check_packages(unit, "a review", found)
    at = (at or unit.now).replace(microsecond=0)
    # The time of a signed review comes from the signer's clock.
    if at > unit.now + (CLOCK_TOLERANCE if envelope is not None else timedelta()):
        raise in_future(f"the review is of {utc_text(at)}")
    stated = tuple(Review(each, source, at) for each in found)
    new = rows.keep_reviews(unit.session, stated, by=actor.name, now=unit.now)
    take_words(unit, map(review_word, stated), envelope, new=bool(new))
    if new:
        audit(unit, actor, "reviewed", source, f"{utc_text(at)}: {', '.join(review.package for review in new)}")
    return stated, len(new)
