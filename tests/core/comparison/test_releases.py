"""What happened to a package between two releases, and which of several reasons is the one to name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.comparison.releases import ReleaseChange, ReleasedPackage, package_changes
from farm.core.names.digest import Digest

DIGESTS = st.sampled_from([Digest.of(b"1"), Digest.of(b"2")])
RELEASES = st.dictionaries(
    st.sampled_from("abc"), st.builds(ReleasedPackage, DIGESTS, st.sampled_from(["1", "2"]), st.just(1), DIGESTS)
)


def package(version: str = "1.0", revision: int = 1, *, recipe: bytes = b"r", built: bytes = b"b") -> ReleasedPackage:
    return ReleasedPackage(Digest.of(built), version, revision, Digest.of(recipe))


@given(RELEASES)
def test_the_same_release_has_no_changes(release: dict[str, ReleasedPackage]) -> None:
    assert list(package_changes(release, dict(release))) == []


@given(RELEASES, RELEASES)
def test_the_other_direction_is_the_mirror_image(
    one: dict[str, ReleasedPackage], other: dict[str, ReleasedPackage]
) -> None:
    assert [change.mirrored for change in package_changes(one, other)] == list(package_changes(other, one))


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (None, package(), "added"),
        (package(), None, "removed"),
        (package(), package("1.1", recipe=b"other", built=b"c"), "version"),
        (package(), package(revision=2, built=b"c"), "version"),
        (package(), package(recipe=b"other", built=b"c"), "recipe"),
        (package(), package(built=b"c"), "rebuilt"),
        (ReleasedPackage(Digest.of(b"1")), ReleasedPackage(Digest.of(b"2")), "imported"),
    ],
)
def test_a_change_is_named_for_what_explains_it(
    before: ReleasedPackage | None, after: ReleasedPackage | None, kind: str
) -> None:
    assert ReleaseChange("a", before, after).kind == kind
