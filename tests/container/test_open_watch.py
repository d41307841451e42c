"""What the kernel reports of opened files, and that no loss goes unreported."""

from __future__ import annotations

import mmap
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.container.environment import mount_alone
from farm.container.file_watch import OpenWatch
from farm.container.mounts import unmount_below

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for path in ("lib/liba.a", "lib/libb.a", "include/deep/c.h"):
        (tmp_path / "package" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "package" / path).write_text(path)
    return tmp_path / "package"


def places(package: Path) -> list[Path]:
    return [package / "lib", package / "include", package / "include" / "deep"]


def test_what_is_opened_is_told_and_what_is_only_looked_at_is_not(package: Path) -> None:
    with OpenWatch(places(package)) as watch:
        (package / "lib" / "liba.a").read_text()
        assert (package / "lib" / "libb.a").stat().st_size
        assert list((package / "include").rglob("*"))
        opened = watch.end()
    assert opened.is_complete
    assert opened.files == {package / "lib" / "liba.a"}


def test_a_file_that_is_read_through_a_mapping_is_told(package: Path) -> None:
    with (
        OpenWatch(places(package)) as watch,
        (package / "include/deep/c.h").open("rb") as file,
        mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as content,
    ):
        assert content[:7] == b"include"
        assert watch.end().files == {package / "include/deep/c.h"}


def test_what_was_opened_before_the_end_is_in_time_however_late_it_is_taken(package: Path) -> None:
    for _ in range(50):
        with OpenWatch(places(package)) as watch:
            (package / "lib" / "liba.a").read_text()
            assert watch.end().files


def test_nothing_is_told_after_the_end(package: Path) -> None:
    with OpenWatch(places(package)) as watch:
        assert watch.end().files == frozenset()
        (package / "lib" / "liba.a").read_text()
        assert watch.end().files == frozenset()


def test_a_queue_that_overflows_is_said_to_be_incomplete(package: Path) -> None:
    taken_late = threading.Event()

    class Busy(OpenWatch):
        def _follow(self) -> None:
            taken_late.wait()
            super()._follow()

    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    names = [package / "lib" / "liba.a", package / "lib" / "libb.a"]
    with Busy(places(package)) as watch:
        for number in range(most + 2):
            # In turn: the kernel merges two equal events in a row.
            names[number % 2].open().close()
        taken_late.set()
        assert not watch.end().is_complete


@pytest.mark.parametrize("missing", ["nowhere", "lib/liba.a"])
def test_a_place_that_cannot_be_watched_makes_it_incomplete(package: Path, missing: str) -> None:
    with OpenWatch([*places(package), package / missing]) as watch:
        assert not watch.end().is_complete


def test_without_a_place_nothing_is_watched_and_nothing_is_missing() -> None:
    with OpenWatch([]) as watch:
        opened = watch.end()
    assert (opened.files, opened.is_complete) == (frozenset(), True)


class TestAPackageMountedAlone:
    pytestmark = pytest.mark.docker

    @pytest.fixture
    def mounts(self, package: Path) -> Iterator[Path]:
        directory = package.with_name("mounts")
        directory.mkdir()
        try:
            yield directory
        finally:
            unmount_below(directory)

    def test_is_the_same_package_and_cannot_be_written(self, package: Path, mounts: Path) -> None:
        alone = mount_alone(mounts / "one", package)
        assert (alone / "include/deep/c.h").read_text() == "include/deep/c.h"
        with pytest.raises(OSError, match="Read-only"):
            (alone / "lib" / "new").touch()

    def test_tells_of_its_own_readers_and_of_no_other(self, package: Path, mounts: Path) -> None:
        one, two = (mount_alone(mounts / name, package) for name in ("one", "two"))
        with OpenWatch(places(one)) as watch:
            (package / "lib" / "liba.a").read_text()
            (two / "lib" / "liba.a").read_text()
            (one / "lib" / "libb.a").read_text()
            assert watch.end().files == {one / "lib" / "libb.a"}
