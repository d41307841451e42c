"""Many packages are unpacked side by side, and fail as one would."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from farm.core.names.digest import Digest
from farm.store.blobs import BlobStore
from farm.store.capture import capture_tree
from farm.store.errors import CorruptBlobError, MissingBlobError
from farm.store.scan import scan_tree
from farm.store.unpack import PackageCache
from farm.store.unpack_many import UnpackRequest, ensure_many

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.fileset.manifest import Manifest


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


@pytest.fixture
def cache(tmp_path: Path) -> PackageCache:
    return PackageCache(tmp_path / "cache")


def some(store: BlobStore, directory: Path, count: int) -> list[UnpackRequest]:
    packages = []
    for number in range(count):
        (directory / f"t{number}").mkdir()
        (directory / f"t{number}/name").write_text(str(number))
        tree = scan_tree(directory / f"t{number}")
        captured = capture_tree(directory / f"t{number}", tree, store, prefix=_prefix)
        path = captured.manifest.store_path("p", "1")
        packages.append(UnpackRequest(path, captured.tree, partial(store.open, captured.archive.digest)))
    return packages


def _prefix(manifest: Manifest) -> str:
    return "packages/" + manifest.store_path("p", "1")


@pytest.mark.parametrize("processes", [None, 1, 3])
def test_all_packages_are_there_in_the_order_asked_for(
    store: BlobStore, cache: PackageCache, tmp_path: Path, processes: int | None
) -> None:
    paths = ensure_many(cache, some(store, tmp_path, 7), processes=processes)
    assert [(path / "name").read_text() for path in paths] == [str(number) for number in range(7)]
    assert cache.scrub() == ()


def test_nothing_wanted_is_nothing_done(cache: PackageCache) -> None:
    assert ensure_many(cache, []) == ()


def test_packages_that_are_there_need_no_archive(store: BlobStore, cache: PackageCache, tmp_path: Path) -> None:
    wanted = some(store, tmp_path, 3)
    paths = ensure_many(cache, wanted)
    for digest in list(store.iter()):
        store.delete(digest)
    assert all(cache.holds(each.store, each.tree) for each in wanted)
    assert not cache.holds(wanted[0].store, Digest.of(b"other"))
    assert ensure_many(cache, wanted) == paths


def test_the_error_of_another_process_arrives_whole(store: BlobStore, cache: PackageCache, tmp_path: Path) -> None:
    good, bad, also_good = some(store, tmp_path, 3)
    digest = bad.open_archive.args[0]  # type: ignore[attr-defined]
    path = store.path(digest)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(CorruptBlobError) as caught:
        ensure_many(cache, [good, bad, also_good])
    assert caught.value.digest == digest
    store.delete(digest)
    with pytest.raises(MissingBlobError):
        ensure_many(cache, [good, bad, also_good])
    assert cache.holds(also_good.store, also_good.tree)
    assert not cache.holds(bad.store, bad.tree)
