"""The signed list of reviews for vulnerabilities: read back, and refused where it may not follow."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from farm.core.advisories.reviews import InvalidReviewError, Review, checked_source
from farm.core.names.digest import Digest
from farm.trust.index.review_list import InvalidReviewListError, ReviewList, check_reviews

THEN = datetime(2025, 11, 20, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)
TRACKER, FEED = "https://tracker.example.net/zlib", "https://feed.example.net/all.json"
JQ = Review("jq", TRACKER, THEN)
LIST = ReviewList("dist.example.org", (JQ, Review("zlib", FEED, THEN), Review("zlib", TRACKER, THEN + DAY)))


def test_what_is_written_is_read_again_with_what_a_later_farm_says_more() -> None:
    signed = ReviewList(LIST.distribution, LIST.reviews, Digest.of(b"list"), THEN)
    assert ReviewList.from_json(signed.to_json()) == signed
    assert ReviewList.from_json(LIST.to_json()) == LIST
    more = json.loads(signed.to_json())
    more["later"], more["reviews"][0]["by"] = 1, "alice"
    assert ReviewList.from_json(json.dumps(more).encode()) == signed


def test_a_package_was_looked_at_when_anybody_did_last() -> None:
    assert (LIST.reviewed_at("zlib"), LIST.reviewed_at("jq"), LIST.reviewed_at("curl")) == (THEN + DAY, THEN, None)


def test_when_another_list_was_signed_is_not_known() -> None:
    signed = ReviewList("dist.example.org", (), Digest.of(b"list"), THEN)
    assert (signed.signed_at(Digest.of(b"list")), signed.signed_at(Digest.of(b"other"))) == (THEN, None)


@pytest.mark.parametrize(
    "content",
    [
        b"[]", b"{", b'{"format":1}', LIST.to_json().replace(b'"format":1', b'"format":2'),
        LIST.to_json().replace(b"2025-11-20T10:00:00Z", b"yesterday"),
        LIST.to_json().replace(b"https://tracker.example.net/zlib", b"javascript:alert(1)"),
    ],
)  # fmt: skip
def test_what_is_no_record_of_looking_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidReviewListError):
        ReviewList.from_json(content)


@pytest.mark.parametrize(
    "source", ["", "zlib", "ftp://a/b", "https://", "https://a/b c", "https://a/\x1b[31m", "http://["]
)
def test_a_source_is_an_address_that_can_be_read_and_printed(source: str) -> None:
    with pytest.raises(InvalidReviewError):
        checked_source(source)


def test_the_signer_takes_no_review_that_is_older_to_come_or_twice() -> None:
    check_reviews(LIST.reviews, LIST, THEN + DAY)
    check_reviews(LIST.reviews, None, THEN + DAY)
    for bad, why in (
        ((Review("jq", TRACKER, THEN - DAY),), "older than what is published"),
        ((Review("jq", TRACKER, THEN + 3 * DAY),), "in the future"),
        ((JQ, JQ), "twice"),
        (tuple(reversed(LIST.reviews)), "not sorted"),
    ):
        with pytest.raises(InvalidReviewListError, match=why):
            check_reviews(bad, LIST, THEN + DAY)
