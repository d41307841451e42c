"""The disk has a bound: what was not asked for longest goes, with the blobs that nothing else needs."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from web.registry.budget import Bounds
from web.registry.making import ImageMaking
from web.registry.names import ImageName
from web.registry.trimming import trim

if TYPE_CHECKING:
    from pathlib import Path

    from farm.names import Digest
    from tests.client.distribution import SmallDistribution

NAMES = tuple(ImageName("edge", names) for names in (("greet",), ("alone",), ("say",), ("c++",)))


def age(folder: Path, digest: Digest, days: int) -> None:
    then = time.time() - days * 86400
    os.utime(folder / "images" / f"{digest.hex}.json", (then, then))


def blobs_of(images: ImageMaking, digest: Digest) -> set[Digest]:
    record = images.shelf.image(digest)
    assert record is not None
    return {blob.digest for blob in record.blobs}


def test_what_was_asked_for_last_stays_whole(distribution: SmallDistribution, tmp_path: Path) -> None:
    images = ImageMaking(distribution.public, tmp_path / "registry")
    made = [images.tagged(name, "latest") for name in NAMES]
    for days, digest in enumerate(reversed(made), start=3):
        age(images.shelf.folder, digest, days)
    assert images.tagged(NAMES[0], "latest") == made[0]  # the oldest, and asked for just now
    assert trim(images.shelf, len(NAMES)) == 0
    assert trim(images.shelf, 2, young=-1) == 2
    assert [images.shelf.image(digest) is not None for digest in made] == [True, False, False, True]
    kept = blobs_of(images, made[0]) | blobs_of(images, made[3])
    assert set(images.shelf.blobs.iter()) == kept
    assert len(list((images.shelf.folder / "known").iterdir())) == 6
    assert distribution.blobs.has(distribution.entries["alone"][0].archive.digest)
    assert images.tagged(NAMES[1], "latest") == made[1]


def test_blobs_that_have_just_come_stay(distribution: SmallDistribution, tmp_path: Path) -> None:
    images = ImageMaking(distribution.public, tmp_path / "registry")
    images.tagged(NAMES[0], "latest")
    archive = distribution.entries["alone"][0].archive.digest
    images.shelf.blobs.share(distribution.blobs, archive)  # of an image that is being made
    before = set(images.shelf.blobs.iter())
    assert trim(images.shelf, 0) == 1
    assert set(images.shelf.blobs.iter()) == before


def test_making_keeps_within_the_bound(distribution: SmallDistribution, tmp_path: Path) -> None:
    images = ImageMaking(distribution.public, tmp_path / "registry", Bounds(images=2))
    for name in NAMES:
        images.tagged(name, "latest")
    assert len(list((images.shelf.folder / "images").iterdir())) == 2
