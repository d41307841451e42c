"""Whether a list of advisories, or a record of which packages were looked at, may follow what is published."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.blobs import BlobStore
from farm.names import Digest
from farm.trust.advisory_index import AdvisoryIndex, check_index
from farm.trust.checked import CheckedLists
from farm.trust.layout import ADVISORIES, ADVISORY_LIST, BLOBS, REVIEW_LIST, advisory_target
from farm.trust.review_list import InvalidReviewListError, ReviewList, check_reviews

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tuf.api.metadata import TargetFile

    from farm.trust.repository import Repository


def checked_advisories(repository: Repository, content: bytes, now: datetime) -> CheckedLists:
    """Look at a list of advisories, as JSON. With a list that is new goes when it was signed first.

    Raises the errors of `check_index`, `InvalidAdvisoryIndexError`, `RepositoryStateError`.
    """
    index, published = AdvisoryIndex.from_json(content), _published(repository)
    blobs, listed = BlobStore(repository.root / BLOBS), published.get(advisory_target(ADVISORY_LIST))
    before = AdvisoryIndex.from_json(repository.read_target(listed)) if listed else None
    check_index(index, before, lambda blob: blobs.read(blob.digest))
    looked, digest, reviews = _reviews(repository, published), Digest.of(content), None
    if looked is None or looked.signed_at(digest) is None:
        reviews = ReviewList(index.distribution, looked.reviews if looked else (), digest, now).to_json()
    return CheckedLists(asked=digest, reviews=reviews, published=_digests(published))


def checked_reviews(repository: Repository, content: bytes, now: datetime) -> CheckedLists:
    """Look at which packages are said to have been looked at. When the list of advisories was signed stays as it is.

    Raises `InvalidReviewListError`, `RepositoryStateError`.
    """
    stated, published = ReviewList.from_json(content), _published(repository)
    before = _reviews(repository, published)
    check_reviews(stated.reviews, before, now)
    if before is None or before.distribution != stated.distribution:
        raise InvalidReviewListError(f"no list of advisories of {stated.distribution} is published yet")
    reviews = replace(before, reviews=stated.reviews).to_json()
    return CheckedLists(asked=Digest.of(content), reviews=reviews, published=_digests(published))


def _published(repository: Repository) -> Mapping[str, TargetFile]:
    targets: Mapping[str, TargetFile] = repository.delegated(repository.head(), ADVISORIES).targets
    return targets


def _reviews(repository: Repository, published: Mapping[str, TargetFile]) -> ReviewList | None:
    target = published.get(advisory_target(REVIEW_LIST))
    return ReviewList.from_json(repository.read_target(target)) if target else None


def _digests(published: Mapping[str, TargetFile]) -> Mapping[str, str]:
    return {path: target.hashes["sha256"] for path, target in published.items()}
