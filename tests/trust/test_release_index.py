"""The head of a release and the entries of its packages: what is read back, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.trust.blob_limits import LARGEST
from farm.trust.index.release_index import (
    LARGEST_NODE,
    InvalidReleaseError,
    NotASuccessorError,
    Release,
    ReleaseEntry,
    check_successor,
)
from tests.refusing import refuses
from tests.trust.index_entries import entry

ROOT = BlobRef(Digest.of(b"root"), 4)
FIRST = Release(
    distribution="dist.example.org",
    channel="edge",
    number=1,
    previous=None,
    released_at="2026-01-01T00:00:00Z",
    index=ROOT,
    packages=1,
)
SECOND = replace(FIRST, number=2, previous=FIRST.digest, released_at="2026-01-02T00:00:00Z")


def test_a_release_reads_back_and_nothing_else_does() -> None:
    assert Release.from_json(SECOND.to_json()) == SECOND
    for broken in (b"{}", b"[]", b"nonsense", b"[" * 100_000, SECOND.to_json() + b" "):
        with pytest.raises(InvalidReleaseError):
            Release.from_json(broken)


@pytest.mark.parametrize(("number", "remedy"), [(1, "farm keys init"), (3, "Upgrade the farm")])
def test_a_release_of_another_format_says_what_to_do(number: int, remedy: str) -> None:
    other = FIRST.to_json().replace(b'"format":2', b'"format":%d' % number)
    with pytest.raises(InvalidReleaseError, match=f"format.* is {number}|format {number}") as caught:
        Release.from_json(other)
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    "broken",
    [
        replace(FIRST, released_at="2026-01-01T00:00:00+00:00"),
        replace(FIRST, released_at="2026-1-01T00:00:00Z"),
        replace(FIRST, index=BlobRef(ROOT.digest, LARGEST_NODE + 1)),
        replace(FIRST, number=0),
    ],
)
def test_a_release_with_a_time_or_a_size_that_cannot_be_is_refused(broken: Release) -> None:
    with pytest.raises(InvalidReleaseError):
        Release.from_json(broken.to_json())


def test_the_set_of_a_release_has_the_name_of_its_root_whichever_release_holds_it() -> None:
    assert FIRST.package_set == SECOND.package_set == ROOT.digest


class TestSuccessors:
    def test_a_later_release_and_the_same_again_are_none_the_older(self) -> None:
        check_successor(FIRST, SECOND)
        check_successor(FIRST, FIRST)
        check_successor(FIRST, replace(SECOND, number=7, released_at=FIRST.released_at))

    def test_a_number_that_goes_back_is_refused(self) -> None:
        with pytest.raises(NotASuccessorError, match="release 1 of edge is older than release 2"):
            check_successor(SECOND, replace(FIRST, released_at="2026-01-03T00:00:00Z"))

    def test_two_releases_of_one_number_are_not_both_right(self) -> None:
        with pytest.raises(NotASuccessorError, match="differs from the one that was seen"):
            check_successor(SECOND, replace(SECOND, packages=2))

    def test_a_time_that_goes_back_is_refused(self) -> None:
        with pytest.raises(NotASuccessorError, match="was made at 2025-12-31T23:59:59Z") as caught:
            check_successor(FIRST, replace(SECOND, released_at="2025-12-31T23:59:59Z"))
        assert "clock of the publisher" in caught.value.remedy


class TestEntries:
    def test_an_entry_reads_back_with_its_rebuilds_and_its_sbom(self) -> None:
        full = replace(entry("jq"), rebuilds=(BlobRef(Digest.from_hex("a" * 64), 7), ROOT), sbom=ROOT)
        full = replace(full, rebuilds=tuple(sorted(full.rebuilds, key=lambda blob: blob.digest)))
        assert ReleaseEntry.from_json(full.to_json()) == full
        assert ReleaseEntry.from_json(entry("jq").to_json()) == entry("jq")
        assert {*full.rebuilds, ROOT, full.archive} <= set(full.blobs)

    @pytest.mark.parametrize("rebuilds", [(ROOT, ROOT), tuple(BlobRef(Digest.from_hex(c * 64), 1) for c in "ba")])
    def test_rebuilds_that_are_not_sorted_or_named_twice_are_refused(self, rebuilds: tuple[BlobRef, ...]) -> None:
        with pytest.raises(InvalidReleaseError, match="rebuilds"):
            ReleaseEntry.from_json(replace(entry("jq"), rebuilds=rebuilds).to_json())

    @pytest.mark.parametrize("broken", [b"[]", b"{}", b"x", entry("jq").to_json() + b"\n", b"[" * 100_000])
    def test_what_is_no_entry_is_refused(self, broken: bytes) -> None:
        with pytest.raises(InvalidReleaseError):
            ReleaseEntry.from_json(broken)

    @pytest.mark.parametrize("part", ["archive", "descriptor", "manifest", "facts", "provenance", "rebuilds", "sbom"])
    def test_each_kind_of_blob_has_a_bound_whoever_signed_it(self, part: str) -> None:
        most = LARGEST["provenance" if part == "rebuilds" else part]
        within, beyond = (BlobRef(Digest.of(b""), size) for size in (most, most + 1))

        def written(blob: BlobRef) -> bytes:
            value = (blob,) if part == "rebuilds" else blob
            return replace(entry("jq"), **{part: value}).to_json()  # type: ignore[arg-type]

        ReleaseEntry.from_json(written(within))
        with refuses("invalid-release", match=rf"of jq 1.*has {most + 1} bytes, and the most is {most}"):
            ReleaseEntry.from_json(written(beyond))

    def test_an_entry_of_another_format_is_refused(self) -> None:
        with pytest.raises(InvalidReleaseError, match="canonical"):
            ReleaseEntry.from_json(entry("jq").to_json().replace(b'"format":2', b'"format":3'))
