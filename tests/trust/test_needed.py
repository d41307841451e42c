"""What is added to packages of a release: everything that they need in it, own and imported packages alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.trust.index.release_index import Release
from farm.trust.index.tree import IndexTree, needed_in
from tests.trust.index_entries import THEIRS, CountingStore, entry, imported

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def needed() -> Callable[..., frozenset[str]]:
    store = CountingStore()
    index = store.extend(
        None,
        [
            entry("app", needs=("lib", f"{THEIRS}/codec")),
            entry("lib", needs=("base",)),
            entry("base"),
            entry("left", needs=("right",)),
            entry("right", needs=("left",)),
        ],
    )
    release = Release(
        distribution="ours.example",
        channel="edge",
        number=1,
        previous=None,
        released_at="2026-01-01T00:00:00Z",
        index=index.root,
        packages=index.packages,
        imports=(imported(codec=("base", f"{THEIRS}/tables"), tables=(), viewer=(f"{THEIRS}/codec",)),),
    )
    return lambda *names: needed_in(release, IndexTree(store.read, index.root), names)


def test_a_package_brings_along_what_it_needs_and_what_that_needs(needed: Callable[..., frozenset[str]]) -> None:
    assert needed("lib") == {"lib", "base"}
    assert needed("base") == {"base"}
    assert needed("left") == {"left", "right"}


def test_what_a_package_of_others_needs_comes_along_too(needed: Callable[..., frozenset[str]]) -> None:
    assert needed(f"{THEIRS}/viewer") == {f"{THEIRS}/viewer", f"{THEIRS}/codec", f"{THEIRS}/tables", "base"}
    assert needed("app") == {"app", "lib", "base", f"{THEIRS}/codec", f"{THEIRS}/tables"}


def test_what_is_not_in_the_release_brings_nothing_along(needed: Callable[..., frozenset[str]]) -> None:
    assert needed("gone", "other.example/gone") == {"gone", "other.example/gone"}
    assert needed() == frozenset()
