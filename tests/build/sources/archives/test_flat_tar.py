"""Tar archives of which `tar --strip-components=1` would leave nothing."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from farm.build.sources.archives.flat_tar import check_not_flat
from farm.build.sources.archives.members import UnreadableArchiveError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "in" / "thing-1.0").mkdir(parents=True)
    for name in ("package.xml", "README", "thing-1.0/configure"):
        (tmp_path / "in" / name).write_text("x\n")
    return tmp_path / "in"


def left(archive: Path) -> set[str]:
    """What `tar` unpacks, as a build does."""
    place = archive.parent / "out"
    place.mkdir()
    subprocess.run(
        ["tar", "--extract", "--strip-components=1", f"--directory={place}", f"--file={archive}"], check=True
    )
    return {path.name for path in place.iterdir()}


@pytest.mark.parametrize("option", ["", "-z", "-j", "-J", "--zstd"])
@pytest.mark.parametrize(
    ("members", "is_flat"),
    [
        (("package.xml", "README"), True),
        (("package.xml", "thing-1.0"), False),
        (("thing-1.0",), False),
        (("./README",), False),
    ],
)
def test_an_archive_is_refused_exactly_where_tar_would_leave_nothing(
    tree: Path, tmp_path: Path, members: tuple[str, ...], is_flat: bool, option: str
) -> None:
    archive = tmp_path / "x.tar"
    options = [option] if option else []
    subprocess.run(["tar", "--create", *options, f"--file={archive}", f"--directory={tree}", *members], check=True)
    assert bool(left(archive)) is not is_flat
    if is_flat:
        with pytest.raises(UnreadableArchiveError, match=r"lie in no directory \(package.xml, README\)"):
            check_not_flat(archive)
    else:
        check_not_flat(archive)


def test_what_cannot_be_read_is_left_to_tar(tmp_path: Path) -> None:
    for content in (b"", b"\x1f\x8b broken", b"\x28\xb5\x2f\xfd broken", b"LZIP", b"no archive at all"):
        (tmp_path / "x.tar").write_bytes(content)
        check_not_flat(tmp_path / "x.tar")
