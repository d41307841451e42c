"""The disk has a limit: what was requested longest ago is removed, with the blobs that nothing else needs."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from tests.refusing import refuses
from tests.web.registry.running import making
from web.registry.image_cache import CacheLimits, Trimming
from web.registry.names import ImageName

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.names.digest import Digest
    from tests.client.distribution import SmallDistribution
    from web.registry.image_lookup import ImageMaking

NAMES = tuple(ImageName("edge", names) for names in (("greet",), ("alone",), ("say",), ("c++",)))
PLENTY = CacheLimits(spare=0)


@pytest.fixture
def images(distribution: SmallDistribution, tmp_path: Path) -> ImageMaking:
    return making(distribution, tmp_path / "registry", room=PLENTY)


def made(images: ImageMaking) -> list[Digest]:
    """Make all images; the first was requested longest ago."""
    digests = [images.tagged(name, "latest") for name in NAMES]
    for days, digest in enumerate(reversed(digests), start=3):
        then = time.time() - days * 86400
        os.utime(images.cache.folder / "images" / f"{digest.hex}.json", (then, then))
    return digests


def kept(images: ImageMaking, digests: list[Digest]) -> list[bool]:
    return [images.cache.image(digest) is not None for digest in digests]


def blobs_of(images: ImageMaking, digest: Digest) -> set[Digest]:
    record = images.cache.image(digest)
    assert record is not None
    return {blob.digest for blob in record.blobs}


def test_what_was_asked_for_last_stays_whole(distribution: SmallDistribution, images: ImageMaking) -> None:
    digests = made(images)
    assert images.tagged(NAMES[0], "latest") == digests[0]  # the oldest, and requested just now
    assert Trimming(images.cache, CacheLimits(images=4, spare=0)).look() == 0
    assert Trimming(images.cache, CacheLimits(images=3, spare=0), young=-1).look() == 2
    assert kept(images, digests) == [True, False, False, True]
    assert set(images.cache.blobs.iter()) == blobs_of(images, digests[0]) | blobs_of(images, digests[3])
    assert len(list((images.cache.folder / "known").iterdir())) == 6
    assert distribution.blobs.has(distribution.entries["alone"][0].archive.digest)
    assert images.tagged(NAMES[1], "latest") == digests[1]


def test_blobs_that_have_just_come_stay(distribution: SmallDistribution, images: ImageMaking) -> None:
    made(images)
    images.cache.blobs.share(distribution.blobs, distribution.entries["alone"][0].archive.digest)
    before = set(images.cache.blobs.iter())
    assert Trimming(images.cache, CacheLimits(images=2, spare=0)).look() == 3
    assert set(images.cache.blobs.iter()) == before


def test_bytes_that_lie_nowhere_else_have_a_bound_and_links_to_what_is_published_do_not_count(
    distribution: SmallDistribution, images: ImageMaking
) -> None:
    digests = made(images)
    large = images.tagged(NAMES[1], "latest-plain")
    os.utime(images.cache.folder / "images" / f"{large.hex}.json", (0, 0))
    lying = [images.cache.blobs.path(digest).stat() for digest in images.cache.blobs.iter()]
    own = sum(stat.st_size for stat in lying if stat.st_nlink == 1)
    assert own < sum(stat.st_size for stat in lying)
    assert Trimming(images.cache, CacheLimits(bytes=own, spare=0)).look() == 0
    assert Trimming(images.cache, CacheLimits(bytes=own - 1, spare=0), young=-1).look() == 1
    assert kept(images, [*digests, large]) == [True, True, True, True, False]
    assert not any(images.cache.blobs.size(digest) > 50_000 for digest in images.cache.blobs.iter())


def test_questions_have_a_bound_however_many_lead_to_one_image(images: ImageMaking) -> None:
    digests = made(images)
    known = images.cache.folder / "known"
    for number in range(50):
        (known / f"{number:064x}").write_text(digests[0])
    assert Trimming(images.cache, CacheLimits(questions=60, spare=0)).look() == 0
    assert len(list(known.iterdir())) == 54


def test_an_image_that_alone_is_too_large_stays_until_another_comes(images: ImageMaking) -> None:
    digest = images.tagged(NAMES[1], "latest-plain")
    assert Trimming(images.cache, CacheLimits(bytes=1, spare=0), young=-1).look() == 0
    assert images.cache.image(digest) is not None


def test_making_keeps_within_the_room(distribution: SmallDistribution, tmp_path: Path) -> None:
    images = making(distribution, tmp_path / "registry", room=CacheLimits(images=2, spare=0))
    for name in NAMES:
        images.tagged(name, "latest")
    assert len(list((images.cache.folder / "images").iterdir())) <= 2


def test_nothing_is_made_on_a_disk_that_is_nearly_full_and_half_is_given_up(
    distribution: SmallDistribution, images: ImageMaking, tmp_path: Path
) -> None:
    digests = made(images)
    full = making(distribution, tmp_path / "registry", room=CacheLimits(spare=shutil.disk_usage("/").total))
    assert full.tagged(NAMES[0], "latest") == digests[0]
    with refuses("registry-no-room"):
        full.tagged(NAMES[0], "latest-plain")
    assert kept(images, digests)[:2] == [True, False]
    # Not half at every request.
    assert images.tagged(NAMES[1], "latest") == digests[1]
    with refuses("registry-no-room"):
        full.tagged(NAMES[2], "latest-plain")
    assert kept(images, digests)[:2] == [True, True]
