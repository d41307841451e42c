"""Checks that a list of advisories, or a record of reviewed packages, may follow the published one.

If a policy is signed, people have to sign what is new, and nothing goes back: a valid order could be replayed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.checker.orders.orders import is_by_somebody
from farm.core.advisories.osv import InvalidAdvisoryError
from farm.core.names.digest import Digest
from farm.core.sets.findings.problem import listed
from farm.errors import FarmError
from farm.store.blobs import BlobStore
from farm.trust.attestation.advisory_statement import Claim, review_claim, statement_claim
from farm.trust.attestation.check_results import CheckedLists
from farm.trust.attestation.curator_order import Act
from farm.trust.index.advisory_index import (
    AdvisoryIndex,
    InvalidAdvisoryIndexError,
    check_index,
    check_newer,
    check_statements,
)
from farm.trust.index.review_list import InvalidReviewListError, ReviewList, check_none_left_out, check_reviews
from farm.trust.layout import ADVISORIES, ADVISORY_LIST, BLOBS, REVIEW_LIST, advisory_target
from farm.trust.metadata.delegation import channels_of
from farm.trust.metadata.signed_policy import policy_in_force, who_may_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from tuf.api.metadata import TargetFile

    from farm.core.plan.job import BlobRef
    from farm.signing.state import LedgerState
    from farm.trust.metadata.repository import Repository


def checked_advisories(repository: Repository, content: bytes, state: LedgerState, now: datetime) -> CheckedLists:
    """Check a list of advisories, as JSON; `state` is that of the signer's ledger.

    A new list comes with the time at which it was signed first. Raises the errors of `check_index`,
    `InvalidAdvisoryIndexError`, `RepositoryStateError`, and a `FarmError` where something new is not signed.
    """
    index, published = AdvisoryIndex.from_json(content), _published(repository)
    blobs, target = BlobStore(repository.root / BLOBS), published.get(advisory_target(ADVISORY_LIST))
    before = AdvisoryIndex.from_json(repository.read_target(target)) if target else None

    def read(blob: BlobRef) -> bytes:
        return blobs.read(blob.digest)

    if before is None:
        _check_distribution(repository, index)
    check_index(index, before, read)
    signed = _signed_claims(repository, state, index.distribution, now)
    if signed is not None:
        _check_signed([*_new_advisories(index, before, read), *_new_statements(index, before, read)], signed)
    looked, digest, reviews = _reviews(repository, published), Digest.of(content), None
    if looked is None or looked.signed_at(digest) is None:
        reviews = ReviewList(index.distribution, looked.reviews if looked else (), digest, now).to_json()
    return CheckedLists(asked=digest, reviews=reviews, published=_digests(published))


def checked_reviews(repository: Repository, content: bytes, state: LedgerState, now: datetime) -> CheckedLists:
    """Check a record of reviewed packages. The time at which the list of advisories was signed does not change.

    Raises `InvalidReviewListError`, `RepositoryStateError`, and a `FarmError` where something new is not signed.
    """
    stated, published = ReviewList.from_json(content), _published(repository)
    before = _reviews(repository, published)
    check_reviews(stated.reviews, before, now)
    if before is None or before.distribution != stated.distribution:
        raise InvalidReviewListError(f"no list of advisories of {stated.distribution} is published yet")
    signed = _signed_claims(repository, state, stated.distribution, now)
    if signed is not None:
        check_none_left_out(stated.reviews, before)
        known = set(before.reviews)
        _check_signed((review_claim(review) for review in stated.reviews if review not in known), signed)
    reviews = replace(before, reviews=stated.reviews).to_json()
    return CheckedLists(asked=Digest.of(content), reviews=reviews, published=_digests(published))


def _signed_claims(
    repository: Repository, state: LedgerState, distribution: str, now: datetime
) -> frozenset[Digest] | None:
    """Return the new documents that may be published, by digest: those that valid orders in the ledger name.

    None if no policy is signed, so that people need not sign anything.
    """
    policy = policy_in_force(repository)
    if policy is None:
        return None
    people = who_may_order(repository.builders(), policy)
    orders = [
        permit.order
        for permit in state.permits.values()
        if permit.order.act is Act.ADVISE
        and permit.order.distribution == distribution
        and now < permit.order.expires
        and state.withdrawal(permit.order) is None
        and is_by_somebody(permit, people)
    ]
    return frozenset(digest for order in orders for digest in order.packages.values() if digest is not None)


def _check_signed(claims: Iterable[Claim], signed: frozenset[Digest]) -> None:
    if unsigned := sorted(claim.label for claim in claims if claim.digest not in signed):
        raise FarmError(
            f"{listed(unsigned)}: the signature of a curator or operator is missing or has expired",
            remedy="Give it to the farm again (`farm advisory add`, `vex` or `reviewed`), signed with the key of `farm "
            "keys me`, by one of the signed curators or operators.",
            code="unsigned-word",
        )


def _check_distribution(repository: Repository, index: AdvisoryIndex) -> None:
    """Check that the first list is of the distribution that has the releases: later lists follow the first."""
    for channel in channels_of(repository.head().targets):
        release = repository.current(channel).release
        if release is not None and release.distribution != index.distribution:
            raise InvalidAdvisoryIndexError(f"the list is of {index.distribution[:100]}, not of {release.distribution}")


def _new_advisories(
    index: AdvisoryIndex, before: AdvisoryIndex | None, read: Callable[[BlobRef], bytes]
) -> Iterator[Claim]:
    known = {advisory.id: advisory for advisory in before.advisories} if before else {}
    for advisory in index.advisories:
        old = known.get(advisory.id)
        if old is not None and old.document == advisory.document:
            continue
        if old is not None:
            check_newer(advisory, old, index.distribution, read)
        yield Claim(advisory.id, advisory.document.digest)


def _new_statements(
    index: AdvisoryIndex, before: AdvisoryIndex | None, read: Callable[[BlobRef], bytes]
) -> Iterator[Claim]:
    old = before.statements if before else None
    if index.statements == old:
        return
    if index.statements is None:
        raise InvalidAdvisoryIndexError("the list leaves out all statements that are published")
    try:
        new = check_statements(read(index.statements), read(old) if old else None, index.distribution)
    except InvalidAdvisoryError as error:
        raise InvalidAdvisoryIndexError(f"the statements cannot be read: {error.message}") from error
    for statement in new:
        yield statement_claim(statement, index.distribution)


def _published(repository: Repository) -> Mapping[str, TargetFile]:
    targets: Mapping[str, TargetFile] = repository.delegated(repository.head(), ADVISORIES).targets
    return targets


def _reviews(repository: Repository, published: Mapping[str, TargetFile]) -> ReviewList | None:
    target = published.get(advisory_target(REVIEW_LIST))
    return ReviewList.from_json(repository.read_target(target)) if target else None


def _digests(published: Mapping[str, TargetFile]) -> Mapping[str, str]:
    return {path: target.hashes["sha256"] for path, target in published.items()}
