"""The signed list of advisories: its canonical form, and which list may follow it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from farm.core.advisories.matching import Statement
from farm.core.advisories.openvex import read_openvex, read_published, write_openvex
from farm.core.advisories.osv import LARGEST_ADVISORY, InvalidAdvisoryError
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.trust.index.advisory_index import AdvisoryIndex, InvalidAdvisoryIndexError, ListedAdvisory, check_index
from tests.core.advisories.osv_documents import DISTRIBUTION, openvex, osv

AT = datetime(2026, 11, 24, tzinfo=UTC)
BLOBS: dict[Digest, bytes] = {}


def blob(content: bytes) -> BlobRef:
    digest = Digest.of(content)
    BLOBS[digest] = content
    return BlobRef(digest, len(content))


def read(ref: BlobRef) -> bytes:
    return BLOBS[ref.digest]


def listed(number: int = 1, **members: Any) -> ListedAdvisory:
    return ListedAdvisory(f"EXAMPLE-{number}", blob(osv(id=f"EXAMPLE-{number}", **members)), ("jq",))


def index(*advisories: ListedAdvisory, statements: bytes | None = None) -> AdvisoryIndex:
    return AdvisoryIndex(DISTRIBUTION, advisories, blob(statements) if statements else None)


def test_it_is_read_as_it_was_written() -> None:
    for advisory_index in (index(), index(listed(1), listed(2), statements=openvex())):
        assert AdvisoryIndex.from_json(advisory_index.to_json()) == advisory_index
    assert index(listed(1)).about({"jq", "bash"}) == (listed(1),)
    assert index(listed(1)).about({"bash"}) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"advisories": [listed(2).to_dict(), listed(1).to_dict()]},
        {"advisories": [listed(1).to_dict(), listed(1).to_dict()]},
        {"advisories": [listed(1).to_dict() | {"document": {"digest": Digest.of(b""), "size": 10**9}}]},
        {"advisories": [listed(1).to_dict() | {"more": 1}]},
        {"more": 1},
        {"statements": "none"},
        {"statements": {"digest": Digest.of(b""), "size": 10**9}},
    ],
)
def test_another_form_is_refused(changes: dict[str, Any]) -> None:
    content = canonical_json(json.loads(index().to_json()) | changes)
    with pytest.raises(InvalidAdvisoryIndexError):
        AdvisoryIndex.from_json(content)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"[" * 100_000, b" " + index().to_json()])
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidAdvisoryIndexError):
        AdvisoryIndex.from_json(content)


def test_all_that_was_ever_stated_may_be_more_than_one_document_that_is_handed_in() -> None:
    stated = [Statement(f"EXAMPLE-{n}", (), "jq", None, "not_affected", "it is not called", AT) for n in range(3000)]
    document = write_openvex(tuple(stated), DISTRIBUTION, at=AT)
    assert len(document) > LARGEST_ADVISORY
    new = index(listed(1), statements=document)
    check_index(AdvisoryIndex.from_json(new.to_json()), index(listed(1)), read)
    assert read_published(document, DISTRIBUTION) == tuple(stated)
    with pytest.raises(InvalidAdvisoryError, match="is the most"):
        read_openvex(document, DISTRIBUTION)


def test_what_may_follow_keeps_all_that_was_there() -> None:
    first = index(listed(1))
    check_index(first, None, read)
    check_index(index(listed(1), listed(2)), first, read)
    check_index(index(listed(1, modified="2024-11-25T10:00:00Z"), statements=openvex()), first, read)
    check_index(first, first, read)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (index(), "leaves out EXAMPLE-1"),
        (index(listed(1, modified="2024-11-01T10:00:00Z")), "EXAMPLE-1 is older than what is published"),
        (replace(index(listed(1)), distribution="other.example.org"), "is of other.example.org"),
        (index(listed(1), replace(listed(2), packages=("bash",))), "has another id or other packages"),
        (index(listed(1), replace(listed(2), document=listed(1).document)), "has another id or other packages"),
        (index(listed(1), replace(listed(2), document=blob(b"{}"))), "EXAMPLE-2 cannot be read"),
        (index(listed(1), statements=b"{}"), "the statements cannot be read"),
    ],
)
def test_what_may_not_follow_is_refused(new: AdvisoryIndex, words: str) -> None:
    with pytest.raises(InvalidAdvisoryIndexError, match=words):
        check_index(new, index(listed(1)), read)
