"""The release index: shards by name, independent of order, strict when read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.names import Digest
from farm.plan import BlobRef
from farm.trust.release_index import (
    InvalidReleaseError,
    Release,
    ReleaseEntry,
    index_shards,
    read_shard,
    shard_count,
    shard_number,
)


def entry(name: str, version: str = "1.0") -> ReleaseEntry:
    blob = BlobRef(Digest.of(f"{name} {version}".encode()), 7)
    return ReleaseEntry(
        name=name,
        version=version,
        revision=1,
        summary=f"The {name}",
        descriptor=blob,
        archive=blob,
        manifest=blob,
        facts=blob,
        provenance=blob,
        recipe=Digest.of(b"recipe"),
        needs=(),
    )


def release_of(shards: tuple[bytes, ...]) -> Release:
    return Release(
        distribution="dist.example.org",
        channel="edge",
        number=1,
        previous=None,
        released_at="2026-01-01T00:00:00Z",
        package_set=Digest.of(b"set"),
        shards=tuple(BlobRef(Digest.of(shard), len(shard)) for shard in shards),
    )


names = st.lists(st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True), unique=True, max_size=300)


@given(names, st.randoms())
def test_shards_do_not_depend_on_the_order_of_packages(listed: list[str], random: object) -> None:
    entries = [entry(name) for name in listed]
    shuffled = entries[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert index_shards(entries) == index_shards(shuffled)


@given(names)
def test_each_package_is_found_in_the_shard_that_its_name_picks(listed: list[str]) -> None:
    shards = index_shards(entry(name) for name in listed)
    release = release_of(shards)
    by_digest = {Digest.of(shard): read_shard(shard) for shard in shards}
    for name in listed:
        assert by_digest[release.shard_of(name).digest][name] == entry(name)


def test_one_changed_package_changes_one_shard() -> None:
    before = index_shards(entry(f"package{n}") for n in range(1000))
    after = index_shards(entry(f"package{n}", "2.0" if n == 500 else "1.0") for n in range(1000))
    assert len(before) == 16
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 1


def test_growing_splits_shards_in_half() -> None:
    assert [shard_count(n) for n in (0, 63, 64, 128, 100_000)] == [1, 1, 2, 4, 2048]
    assert all(shard_number(f"p{n}", 32) // 2 == shard_number(f"p{n}", 16) for n in range(200))


def test_a_release_reads_back_and_nothing_else_does() -> None:
    release = release_of(index_shards([entry("jq")]))
    assert Release.from_json(release.to_json()) == release
    for broken in (
        b"{}",
        b"[]",
        b"nonsense",
        release.to_json() + b" ",
        release.to_json().replace(b'"format":1', b'"format":2'),
    ):
        with pytest.raises(InvalidReleaseError):
            Release.from_json(broken)


def test_a_shard_that_names_a_package_twice_is_refused() -> None:
    shard = index_shards([entry("jq")])[0]
    one = shard[shard.index(b"[{") + 1 : shard.rindex(b"]")]
    with pytest.raises(InvalidReleaseError, match="twice"):
        read_shard(shard.replace(one, one + b"," + one))
